"""Engines: they advance a method's state, compiled or journaled."""
