"""Quality-diversity search: not one best solution, but a good one in every cell of a map."""
