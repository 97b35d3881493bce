"""Data refinement: each record rewritten so that unwanted content goes and the rest stays."""
