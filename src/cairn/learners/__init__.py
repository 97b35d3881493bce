"""Learners: what gets better."""
