"""What a person reads of a run: tables for other tools, pages for a browser."""
