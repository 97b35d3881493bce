"""Archives: fixed-shape tables of the tasks worth keeping."""
