"""The maze of minimax, JaxUED and DCD: a partially observed grid with one goal."""
