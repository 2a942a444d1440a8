"""One value somebody gave for one setting, and its check against the schema."""

from __future__ import annotations

import os
from dataclasses import dataclass

import msgspec

from duck_tx.settings.fields import Field
from duck_tx.settings.table import fault, plain
from duck_tx.settings.text import from_text
from duck_tx.settings.toml import toml_value

_LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given.

    :ivar source: who gave it, in the user's words: a file, ``DUCK_SERVER__PORT``, ``--port``.
    :ivar is_text: the source knows only text, so the field's type decides how to read it.
    """

    field: Field
    value: object
    source: str
    is_text: bool = False

    def typed(self) -> object:
        """The value in the type of its field, within its limits.

        :raises ValueError: if it is none that the field accepts.
        """
        value = self._plain()
        try:
            typed: object = msgspec.convert(value, self.field.type)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        # Undecodable bytes of the environment would fail later, where nobody knows whence they came.
        msgspec.json.encode(typed)
        return typed

    def _plain(self) -> object:
        """The value in lists, mappings and scalars.

        :raises ValueError: if it is text that stands for none.
        """
        value = self.value
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if self.is_text:
            return self._from_text(value)
        if self.field.table is not None and isinstance(value, list | tuple):
            return [plain(each) for each in value]
        return value

    def _from_text(self, value: object) -> object:
        of_texts = getattr(self.field.table, "of_texts", None)
        if of_texts is not None:
            texts = value.split(",") if isinstance(value, str) else value
            if isinstance(texts, list | tuple) and all(isinstance(each, str) for each in texts):
                said = [each.strip() for each in texts if each.strip()]
                if said and not said[0].startswith("["):
                    return of_texts(said)
        match value:
            case str():
                return from_text(self.field, value)
            case list() | tuple() if self.field.is_list:
                items: list[object] = []
                for each in value:
                    part = from_text(self.field, each) if isinstance(each, str) else each
                    items.extend(part if isinstance(part, list) else [part])
                return items
            case _:
                return value

    @property
    def shown(self) -> str:
        """The key, the value as given and its source, for a message."""
        return f"{self.field.key} = {shown_value(self.value)} ({self.source})"

    @property
    def problem(self) -> str:
        """What to say when ``typed`` fails."""
        empty = ""
        if self.field.is_nullable:
            empty = ", or empty for none" if self.is_text else ", or leave it out for none"
        return self._wrong_table() or f"{self.shown}: not accepted; give {self.field.accepted}{empty}"

    def _wrong_table(self) -> str:
        """The first wrong one in a list of tables, counted from 0, with its fault, and what would be right; empty if
        there is none."""
        struct = self.field.table
        if struct is None:
            return ""
        try:
            tables = self._plain()
        except ValueError:
            return ""
        for number, table in enumerate(tables if isinstance(tables, list) else ()):
            wrong, key = fault(struct, table)
            if wrong:
                accepted = {column.name: column.accepted for column in self.field.columns}.get(key, self.field.accepted)
                return f"{self.field.key}[{number}] = {shown_value(table)} ({self.source}): {wrong}; give {accepted}"
        return ""


def shown_value(value: object) -> str:
    """A value for a message: on one line, not longer than helps."""
    text = toml_value(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
