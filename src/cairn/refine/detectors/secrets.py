"""Keys, tokens and passwords: by issuer, by what stands before them, by how random they look."""

import re
from collections.abc import Callable

from cairn.refine.detectors.issuers import BEGINNINGS, PRIVATE_KEY, TOKEN, UNMARKED
from cairn.refine.detectors.patterns import Pattern, Patterns
from cairn.refine.detectors.secret_values import (
    genuine,
    password,
    random,
    somebody,
    spoken_password,
)

_PASSES = (
    "password", "passwd", "passwort", "passphrase", "pwd", "passcode", "contraseña", "senha",
    "kennwort", "wachtwoord", "mot de passe", "motdepasse",
)  # fmt: skip
_KEYS = (
    "secret", "token", "key", "signature", "credential", "bearer", "authorization", "auth",
    "session", "cookie", "webhook", "salt", "nonce", "seed",
)  # fmt: skip
_USERS = (
    "username", "user_name", "user name", "user-name", "user_id", "userid", "user-id", "login",
    "benutzername", "benutzer", "screen_name", "screen name", "nickname", "nick", "handle",
    "usuario", "utilisateur", "user",
)  # fmt: skip

# Between a name and its value: `": "`, ` = `, ` := `, `: str = `, `', '`
_TO = (
    r"[\w-]{0,24}+[\"']?\]?[ \t]{0,4}"
    r"(?:(?::[ \t]?[A-Za-z_]{2,20})?[ \t]{0,2}=|:=|=>|==|:|,(?=[ \t]?[\"']))[ \t]{0,4}"
)
# A value in quotes ends at the quote, a bare one at a blank.
_QUOTED = r"[rbuf]{0,2}(?P<q>[\"'`])(?P<value>(?:(?!(?P=q))[^\n]){4,300}+)(?P=q)"
_BARE = r"(?P<value>[^\s\"'`,;<>(){}&]{4,300}+)"
_SCHEME = r"(?<![^\W_])[A-Za-z][A-Za-z0-9+.-]{1,20}+://"

Fit = Callable[[str, int, int], int | None]


def _secret(kind: str, form: str, score: float, fit: Fit | None, holds: tuple[str, ...]) -> Pattern:
    return Pattern(kind, re.compile(form, re.I), score, holds=holds, digits=False, fit=fit)


def _any(names: tuple[str, ...]) -> str:
    return "(?:" + "|".join(names) + ")"


SECRETS = Patterns(
    "secrets",
    (
        Pattern("SECRET", PRIVATE_KEY, 1.0, holds=("private key",), digits=False),
        Pattern("SECRET", TOKEN, 0.95, fit=genuine, digits=False, holds=BEGINNINGS),
        Pattern("SECRET", UNMARKED, 0.7, fit=genuine),
        _secret("PASSWORD", _any(_PASSES) + _TO + _QUOTED, 0.85, password, _PASSES),
        _secret("PASSWORD", _any(_PASSES) + _TO + _BARE, 0.7, password, _PASSES),
        _secret("SECRET", _any(_KEYS) + _TO + _QUOTED, 0.8, random, _KEYS),
        _secret("SECRET", _any(_KEYS) + _TO + _BARE, 0.75, random, _KEYS),
        _secret(
            "SECRET",
            r"\b(?:bearer|basic|token|digest)[ \t]{1,4}(?P<value>[\w.~+/=-]{16,4000}+)",
            0.8,
            random,
            ("bearer", "basic", "token", "digest"),
        ),
        _secret(
            "PASSWORD",
            rf"\b{_any(_PASSES)}(?: (?:is|was|ist|war|est|es|è|é|lautet|set|to|now|changed)){{1,3}}"
            r":? [\"'`]?(?P<value>[^\s\"'`<>()]{4,100}+)",
            0.65,
            spoken_password,
            _PASSES,
        ),
        _secret(
            "PASSWORD",
            r"(?<!\w)--?(?:password|passwd|pass|pwd)[ =][\"']?(?P<value>[^\s\"']{4,100}+)",
            0.75,
            password,
            ("-pass", "-pwd"),
        ),
        _secret(
            "SECRET",
            r"(?<!\w)--?(?:token|api-?key|secret|auth)[ =][\"']?(?P<value>[^\s\"']{8,300}+)",
            0.7,
            random,
            ("-token", "-api", "-secret", "-auth"),
        ),
        # scheme://user:password@host
        _secret(
            "PASSWORD",
            _SCHEME + r"[^\s:/@\"'<>]{0,64}+:(?P<value>[^\s/@\"'<>]{1,128}+)@",
            0.95,
            genuine,
            ("://",),
        ),
        _secret(
            "USERNAME",
            _SCHEME + r"(?P<value>[^\s:/@\"'<>]{2,64}+):[^\s/@\"'<>]{1,128}+@",
            0.7,
            somebody,
            ("://",),
        ),
        _secret(
            "USERNAME",
            rf"(?<![^\W_]){_any(_USERS)}[\"']?\]?[ \t]{{0,2}}[:=][ \t]{{0,2}}[\"']?@?"
            r"(?P<value>[A-Za-z][\w.-]{1,38}+(?<=\w))(?![@(\[])",
            0.55,
            somebody,
            _USERS,
        ),
        # The user's own folder
        _secret(
            "USERNAME",
            r"(?:/home/|/Users/|[A-Z]:\\{1,2}Users\\{1,2})(?P<value>\w[\w.-]{1,38}+(?<=\w))",
            0.8,
            somebody,
            ("/home/", "users"),
        ),
    ),
)
"""A hash, a UUID or a digest is a secret only where a name says so."""
