"""Programs that the scripted researcher writes, task by task."""
