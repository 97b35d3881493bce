"""Somebody else's package: it imports cairn, and cairn knows nothing of it."""
