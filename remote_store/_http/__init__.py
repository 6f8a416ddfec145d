"""What the backends on HTTP share: retries, ranges, parts, budgets."""
