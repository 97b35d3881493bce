"""Every error cairn raises on purpose. The CLI prints the message on one line and exits with 2."""


class CairnError(Exception):
    """Something a person can mend: says what was expected, what came, and what to do."""


class ConfigError(CairnError):
    """A flag, field or name that cannot work."""


class RunError(CairnError):
    """A run directory that is missing, taken, locked or not one of ours."""


class CheckpointError(RunError):
    """A checkpoint that is cut short, altered, or from another config."""


class LevelError(CairnError):
    """A level, or a file of levels, that breaks the environment's rules."""


class TableError(CairnError):
    """A table of elites that is damaged or does not fit the archive it is meant for."""


class MissingExtraError(CairnError):
    """An optional dependency that is not installed; the message holds the install line."""
