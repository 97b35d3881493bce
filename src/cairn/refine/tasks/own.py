"""Our own tasks."""

from cairn.refine.checks.code import Code
from cairn.refine.checks.form import Language, Length, Refusal, Structure, Wrapper
from cairn.refine.checks.private import Consistent, Leak, Residual
from cairn.refine.checks.toxicity import Toxicity
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.tasks.base import Task
from cairn.refine.tasks.wordings import ANONYMIZE, ANONYMIZE_CODE, DETOXIFY

_FOUND = detectors()
ANONYMIZING = Task(
    "anonymize",
    ANONYMIZE,
    (
        Refusal(),
        Wrapper(instructions=ANONYMIZE),
        Length(),
        Language(),
        Structure(),
        Leak(),
        Residual(finder=_FOUND),
        Consistent(),
    ),
    (_FOUND,),
    pseudonyms=True,
)
_FOUND_IN_CODE = detectors(
    ("emails", "phones", "network", "secrets", "names", "cards", "ibans", "crypto", "labelled")
)
ANONYMIZING_CODE = Task(
    "anonymize-code",
    ANONYMIZE_CODE,
    (
        Refusal(),
        Wrapper(instructions=ANONYMIZE_CODE),
        Code(),
        Leak(),
        Residual(finder=_FOUND_IN_CODE),
        Consistent(),
    ),
    (_FOUND_IN_CODE,),
    pseudonyms=True,
)
DETOXIFYING = Task(
    "detoxify",
    DETOXIFY,
    (
        Refusal(),
        Wrapper(instructions=DETOXIFY),
        Length(least=0.4),
        Language(),
        Structure(),
        Toxicity(),
    ),
)
