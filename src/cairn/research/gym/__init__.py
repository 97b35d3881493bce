"""Searches without a model: landscapes on which thousands of searches run at once, so that a
policy is chosen by evidence."""
