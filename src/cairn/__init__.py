"""cairn: open-ended learning on one loop (Space, Learner, Score, Archive, Sampler, Ledger)."""

__version__ = "0.1.0"
