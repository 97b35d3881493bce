"""Source2Synth: synthetic questions grounded in real documents and tables, curated by answering.

Lupidi et al. 2024, arXiv:2409.08239.
"""
