"""Labelled documents that are made: forms, values, disguises, and the records they give."""
