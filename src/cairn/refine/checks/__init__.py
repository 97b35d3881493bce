"""What a rewrite must pass before it is accepted: short functions that compose."""
