"""Emitters: where the next candidates for an archive of elites come from."""
