"""The fields of a request to the local model, taken one by one; what nobody takes is refused."""

from collections.abc import Mapping
from typing import Any

from cairn.core.errors import CairnError

IGNORED = frozenset(
    {"metadata", "model", "prompt_cache_key", "safety_identifier", "service_tier", "store", "user"}
)
"""Fields that change no answer."""
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "parallel_tool_calls": (True, False),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
}
"""Fields that can only be left as they are: what is meant by them is not done here."""


class RefusedError(CairnError):
    """A request that is not answered; says so in the protocol's words."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ):
        super().__init__(message)
        self.param, self.code, self.status = param, code, status

    @property
    def body(self) -> dict[str, Any]:
        """The reply."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": error}


class Fields:
    """A body whose fields are taken one by one. null is as good as nothing."""

    def __init__(self, body: Mapping[str, Any]):
        self._body = {name: value for name, value in body.items() if value is not None}
        self._taken: set[str] = set()

    def take(self, name: str, kind: type, default: Any) -> Any:
        """The value, of this type; the default if there is none."""
        self._taken.add(name)
        value = self._body.get(name, default)
        if type(value) is not kind and value is not default:
            raise RefusedError(f"{name} must be {_WORDS[kind]}, got {kind_of(value)}.", param=name)
        return value

    def any(self, name: str) -> Any:
        """The value, of whatever type; None if there is none."""
        self._taken.add(name)
        return self._body.get(name)

    def integer(self, name: str, default: int | None, low: int, high: int) -> Any:
        """A whole number within these bounds."""
        value = self.take(name, int, default)
        return value if value is None else _within(name, value, low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number within these bounds."""
        value = self.any(name)
        value = default if value is None else value
        if type(value) not in (int, float):
            raise RefusedError(f"{name} must be a number, got {kind_of(value)}.", param=name)
        return float(_within(name, value, low, high))

    def one_of(self, name: str, first: str, second: str) -> bool:
        """Whether it is the second of two words."""
        value = self.take(name, str, first)
        if value not in (first, second):
            raise RefusedError(f"{name} must be {first} or {second}, got {value!r}.", param=name)
        return value == second

    def nothing_left(self) -> None:
        """Refuse what nobody has taken."""
        for name in self._body.keys() - self._taken - IGNORED:
            if name not in NEUTRAL:
                raise RefusedError(
                    f"Unrecognized request argument: {name}.", param=name, code="unknown_parameter"
                )
            if not any(self._body[name] == value for value in NEUTRAL[name]):
                raise RefusedError(
                    f"Unsupported parameter: {name!r} is not supported with this model. Leave it "
                    f"out.",
                    param=name,
                    code="unsupported_parameter",
                )


_WORDS = {str: "a string", bool: "true or false", int: "an integer", list: "a list"}


def kind_of(value: object) -> str:
    """What a value of JSON is, in words; numbers as they are, cut short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value)[:30]
    return {str: "a string", list: "a list", dict: "an object"}.get(type(value), "something else")


def _within(name: str, value: Any, low: float, high: float) -> Any:
    if not low <= value <= high:
        raise RefusedError(
            f"{name} must lie between {low:,.10g} and {high:,.10g}, got {kind_of(value)}.",
            param=name,
        )
    return value
