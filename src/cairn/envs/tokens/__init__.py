"""Tasks of symbols: problems, prompts, demonstrations and verdicts, all in arrays."""
