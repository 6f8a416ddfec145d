"""What our operations cost beside direct calls of the operating system and beside other libraries."""
