"""Language models that learn from what they sample: post-training by self-improvement."""
