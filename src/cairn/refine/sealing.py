"""A key in a file that only its owner reads, and rows that only this key opens."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path

from cairn.core.errors import ConfigError

KEY_BYTES = 32


def read_key(path: Path) -> bytes:
    """The 32 bytes of a key file, which holds them as 64 hexadecimal digits.

    Raises ConfigError if it is missing, no key, or can be read by others than its owner.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigError(
            f"There is no key file {path}. Name one that exists, or let a new one be made."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a key file: {type(error).__name__}.") from None
    if mode & 0o077:
        raise ConfigError(
            f"The key file {path} has mode {mode:04o}; others can read it. Run chmod 600 on it."
        )
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"{path} is no key file: expected {2 * KEY_BYTES} hexadecimal digits on one line."
        )
    return key


def make_key(path: Path) -> bytes:
    """A new key in a new file of mode 0600. Raises ConfigError if something lies there."""
    key = secrets.token_bytes(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists: a key that was used is never overwritten.") from None
    except OSError as error:
        raise ConfigError(f"Cannot make the key file {path}: {error.strerror}.") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def derived(key: bytes, *purpose: str) -> bytes:
    """32 bytes for one purpose: HMAC-SHA256 over its parts, each with its length before it."""
    parts = b"".join(len(p.encode()).to_bytes(8, "big") + p.encode() for p in purpose)
    return hmac.digest(key, parts, "sha256")


def sealed(key: bytes, table: dict[str, str], *, about: str) -> str:
    """A table as one line that shows nothing without the key, and for `about` alone.

    The synthetic-IV construction (Rogaway & Shrimpton 2006, SIV) with HMAC-SHA256 for both of its
    functions: the tag over `about` and the table is also where the key stream starts, so equal
    tables give equal lines, and a line that was altered is refused.
    """
    plain = json.dumps(table, ensure_ascii=False, sort_keys=True).encode()
    tag = _tag(key, about, plain)
    return base64.b64encode(tag + _streamed(key, tag, plain)).decode()


def opened(key: bytes, line: str, *, about: str) -> dict[str, str]:
    """The table of a line. `key` is what `read_key(FILE)` gives.

    Raises ConfigError for what is no key, another key, another `about`, or an edit.
    """
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise ConfigError(f"key must be the {KEY_BYTES} bytes that read_key(FILE) gives.")
    try:
        raw = base64.b64decode(line, validate=True)
    except ValueError:
        raw = b""
    tag, body = raw[:32], raw[32:]
    plain = _streamed(key, tag, body)
    if len(tag) < 32 or not hmac.compare_digest(tag, _tag(key, about, plain)):
        raise ConfigError(
            f"The pseudonyms of {about!r} cannot be opened: the key is another, or the line was "
            "altered."
        )
    return json.loads(plain)


def _tag(key: bytes, about: str, plain: bytes) -> bytes:
    name = about.encode()
    said = len(name).to_bytes(8, "big") + name + plain
    return hmac.new(derived(key, "pseudonyms", "tag"), said, hashlib.sha256).digest()


def _streamed(key: bytes, tag: bytes, data: bytes) -> bytes:
    cipher = derived(key, "pseudonyms", "stream")
    blocks = (
        hmac.new(cipher, tag + number.to_bytes(8, "big"), hashlib.sha256).digest()
        for number in range((len(data) + 31) // 32)
    )
    stream = b"".join(blocks)[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")
