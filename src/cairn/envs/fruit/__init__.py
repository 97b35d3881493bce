"""Rooms that lead to two fruits, of which a hidden one pays."""
