"""What may leave the process: which files, which text in them, and to whom."""
