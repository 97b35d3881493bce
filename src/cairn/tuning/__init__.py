"""Tuning: which settings of a method are best, found fairly and with its cost counted."""
