"""What the check of a classifier trained elsewhere found, in sentences: for the terminal and for the report."""
