"""What a backend is: the abstract classes, what they take and what they hand out."""
