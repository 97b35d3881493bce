"""Finders of private content, without a model: patterns, checksums and context words."""
