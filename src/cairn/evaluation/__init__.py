"""Evaluation: how good a learner is, on levels it did not choose."""
