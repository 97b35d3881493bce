"""Red-teaming by quality-diversity: a map of the prompts that a model gets wrong."""
