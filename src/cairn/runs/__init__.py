"""A room for runs: experiment, settings, train, resume, open. The same for every wing."""
