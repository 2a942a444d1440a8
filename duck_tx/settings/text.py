"""Text from the environment or the command line, turned into the type of its field."""

from __future__ import annotations

import re

from msgspec import inspect

from duck_tx.settings.fields import Field
from duck_tx.settings.toml import read_array

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}(?:_[0-9]{1,20})*")


def from_text(field: Field, text: str) -> object:
    """The value that a text stands for; its limits are not checked yet.

    Empty text is None where the field may be None, and an empty list for a list.

    :raises ValueError: if no type of the field can be read from the text.
    """
    if not text.strip() and field.is_nullable:
        return None
    for kind in field.kinds:
        try:
            return _read(kind, text)
        except ValueError:
            continue
    raise ValueError(f"{field.key} cannot be read from this text")


def _read(kind: inspect.Type, text: str) -> object:
    word = text.strip()
    match kind:
        case inspect.BoolType():
            return _boolean(word)
        case inspect.IntType():
            if not _INTEGER.fullmatch(word):
                raise ValueError("not an integer")
            return int(word)
        case inspect.FloatType():
            if not word.isascii():
                raise ValueError("not a number")
            return float(word)
        case inspect.LiteralType():
            if word not in kind.values:
                raise ValueError("not one of the words")
            return word
        case inspect.VarTupleType():
            if word.startswith("["):
                return read_array(word)
            return [_read(kind.item_type, each.strip()) for each in word.split(",")] if word else []
        case inspect.StrType():
            return text
        case inspect.StructType():
            raise ValueError("a table stands in an array")
        case _:
            raise TypeError(f"settings of the type {kind!r} cannot be read from text")


def _boolean(word: str) -> bool:
    if word.lower() in _TRUE:
        return True
    if word.lower() in _FALSE:
        return False
    raise ValueError("not a boolean")
