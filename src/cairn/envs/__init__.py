"""Environments: rules apart from adaptors; `protocol` says what an environment is."""
