"""AI research agents: a language model improves a program or text against a measured score."""
