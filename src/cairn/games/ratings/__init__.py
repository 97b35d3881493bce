"""One match table, and what may be read out of it: ratings, equilibria, cycles, pairings."""
