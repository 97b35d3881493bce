"""Tasks: read from a folder, run in the jail, graded elsewhere."""
