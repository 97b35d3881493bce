"""Language models: a transformer, its words and weights, and how it is sampled from."""
