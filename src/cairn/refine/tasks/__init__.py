"""What is to be done to each record: instructions for the rewriter, and the checks of its work."""
