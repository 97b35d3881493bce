"""The checker that conftest.py puts on every function of cairn."""

from beartype import BeartypeConf, beartype

# An int where a float is annotated is fine for every type checker (PEP 484), so here too.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
