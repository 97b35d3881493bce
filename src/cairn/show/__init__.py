"""Pictures of a run: its agent, its archive, its learning."""
