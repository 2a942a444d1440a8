"""Single values in TOML: written, and read from the text of a variable or an option."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping

import msgspec


def toml_value(value: object) -> str:
    """A value in TOML 1.0, on one line.

    Values that TOML does not know come out as quoted text, which is good enough for a message.

    :param value: None has no form in TOML; it comes out as ``none``, for comments and messages only.
    """
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _quoted(value)
        case list() | tuple():
            return f"[{', '.join(toml_value(each) for each in value)}]"
        case Mapping():
            return f"{{{', '.join(f'{toml_key(key)} = {toml_value(each)}' for key, each in value.items())}}}"
        case msgspec.Struct():
            return toml_value(msgspec.to_builtins(value, enc_hook=str))
        case _:
            return _quoted(str(value))


def toml_key(name: object) -> str:
    """A key, quoted where TOML asks for it."""
    text = str(name)
    is_bare = text.isascii() and text.replace("-", "_").replace("_", "a").isalnum()
    return text if is_bare else _quoted(text)


def read_array(text: str) -> list[object]:
    """The items of a TOML array.

    :raises ValueError: if the text is anything else.
    """
    document = tomllib.loads(f"array = {text}")
    items = document.pop("array")
    if document or not isinstance(items, list):
        raise ValueError("not a single array")
    return items


def _quoted(text: str) -> str:
    # JSON's escapes are all TOML's too. TOML wants DEL escaped as well; the line ends of Unicode and the
    # surrogates that stand for undecodable bytes would break a listing or its encoding.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        f"\\u{ord(each):04x}" if each in "\x7f\x85\u2028\u2029" or "\ud800" <= each <= "\udfff" else each
        for each in quoted
    )
