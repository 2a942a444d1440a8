"""Tables in a list, such as those of ``[[https.certificates]]``: made plain, and what is wrong with one."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from duck_tx.settings.toml import toml_key, toml_value


def plain(table: object) -> object:
    """A table as a mapping, where it was made as a struct; its paths as text.

    :raises ValueError: if something in it has no plain form.
    """
    if not isinstance(table, msgspec.Struct):
        return table
    try:
        return msgspec.to_builtins(table, enc_hook=os.fspath)
    except TypeError as error:
        raise ValueError(str(error)) from error


def fault(struct: type[msgspec.Struct], table: object) -> tuple[str, str]:
    """What is wrong with a plain table that is meant for ``struct``, and the key whose value it is, or empty."""
    if not isinstance(table, Mapping):
        return "this is no table", ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name, value in table.items():
        if name not in fields:
            return f"there is no such key as {toml_key(name)} in it", ""
        try:
            msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError:
            return f"{name} = {toml_value(value)} is not accepted", name
    missing = [name for name, field in fields.items() if field.required and name not in table]
    return f"{missing[0]} is missing" if missing else "", ""
