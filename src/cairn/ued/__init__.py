"""Unsupervised environment design: systems that make, score and choose their own levels."""
