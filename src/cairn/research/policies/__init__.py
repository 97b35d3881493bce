"""Search policies over a tree of artefacts, one short file each."""
