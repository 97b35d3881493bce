"""The random policy on fresh random levels: what no learner may fall below."""

from cairn.ued.dr import Config, init, step
from cairn.ued.method import method

METHOD = method(__doc__, Config, init, step, learns=False)
