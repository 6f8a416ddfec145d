"""Accounts with a hierarchical namespace (Data Lake Storage Gen2): real directories and atomic renames."""
