"""Language models: what to ask, who answers, and the care a call needs on its way."""
