"""Samplers: which tasks are played next, and where they come from."""
