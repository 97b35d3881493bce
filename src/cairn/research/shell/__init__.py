"""A shell for research agents: a task's folder in the jail, one command at a time."""
