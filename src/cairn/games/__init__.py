"""Games: opponents that learn, populations, and how good a player is."""
