"""Measuring: speed beside peers on the same work, memory, compilation, operations per step."""
