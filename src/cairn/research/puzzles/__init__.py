"""LLM-First Search and its rivals on Countdown and Sudoku."""
