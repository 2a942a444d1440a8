"""The schema, flattened: every section and field with its key, its variable and what it accepts."""

from __future__ import annotations

import inspect as pyinspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from duck_tx.settings.schema import Settings
from duck_tx.settings.toml import toml_value


@dataclass(frozen=True, slots=True)
class Field:
    """One setting, or one key in the tables of a list.

    :ivar section: the key of the section it stands in; empty for one outside of all sections.
    :ivar key: its dotted name, ``server.port``.
    :ivar type: its annotated type, for ``msgspec.convert``.
    :ivar kinds: the alternatives of its type, None left out.
    :ivar unit: ``bytes``, ``seconds`` and so on; empty for values without one.
    :ivar words: what its pattern accepts, where the schema says it; else empty.
    :ivar is_secret: its value is not shown.
    """

    section: str
    name: str
    type: Any
    default: object
    kinds: tuple[inspect.Type, ...]
    is_nullable: bool
    description: str
    unit: str
    words: str
    is_secret: bool = False

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def environment(self) -> str:
        """The environment variable: ``DUCK_SERVER__PORT``, ``DUCK_SIDECARS``."""
        return "DUCK_" + self.key.replace(".", "__").upper()

    @property
    def is_list(self) -> bool:
        return any(isinstance(kind, inspect.VarTupleType) for kind in self.kinds)

    @property
    def table(self) -> type[msgspec.Struct] | None:
        """What each table is, of a list of tables."""
        items = [kind.item_type for kind in self.kinds if isinstance(kind, inspect.VarTupleType)]
        return next((item.cls for item in items if isinstance(item, inspect.StructType)), None)

    @property
    def columns(self) -> tuple[Field, ...]:
        """The keys of each table, of a list of tables; a required one has no default."""
        table = self.table
        return () if table is None else tuple(_field(self.key, info) for info in msgspec.structs.fields(table))

    @property
    def accepted(self) -> str:
        """What may be given, in words and with its unit: ``an integer from 1 to 65535 (connections)``."""
        words = self.words or " or ".join(_accepted(kind) for kind in self.kinds)
        return f"{words} ({self.unit})" if self.unit else words

    @property
    def type_name(self) -> str:
        """The type without its limits: ``integer or "auto"``."""
        return " or ".join(_type_name(kind) for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the settings; ``key`` is dotted for a section within a section."""

    key: str
    description: str
    fields: dict[str, Field]
    sections: dict[str, Section]

    def walk(self) -> Iterator[Section]:
        """This section and all below it, each before its children."""
        yield self
        for section in self.sections.values():
            yield from section.walk()

    def all_fields(self) -> Iterator[Field]:
        for section in self.walk():
            yield from section.fields.values()


def section_of(struct: type[msgspec.Struct], key: str = "") -> Section:
    """The tree of sections and fields that a struct declares; the root has the empty key.

    :raises TypeError: if a field has no default or no description: the user is promised both.
    """
    fields: dict[str, Field] = {}
    sections: dict[str, Section] = {}
    for info in msgspec.structs.fields(struct):
        path = f"{key}.{info.name}" if key else info.name
        if isinstance(info.type, type) and issubclass(info.type, msgspec.Struct):
            sections[info.name] = section_of(info.type, path)
        else:
            fields[info.name] = made = _field(key, info)
            if made.default is msgspec.NODEFAULT or not made.description:
                raise TypeError(f"the setting {made.key} needs a default and a description")
    return Section(key, pyinspect.cleandoc(struct.__doc__ or "").split("\n\n")[0], fields, sections)


def _field(section: str, info: msgspec.structs.FieldInfo) -> Field:
    kind = inspect.type_info(info.type)
    extra: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    if isinstance(kind, inspect.Metadata):
        extra, schema = kind.extra or {}, kind.extra_json_schema or {}
        kind = kind.type
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    default = info.default
    if info.default_factory is not msgspec.NODEFAULT:
        default = info.default_factory()
    return Field(
        section=section,
        name=info.name,
        type=info.type,
        default=default,
        kinds=tuple(each for each in kinds if not isinstance(each, inspect.NoneType)),
        is_nullable=any(isinstance(each, inspect.NoneType) for each in kinds),
        description=schema.get("description", ""),
        unit=extra.get("unit", ""),
        words=extra.get("accepted", ""),
        is_secret=extra.get("secret", False),
    )


def _accepted(kind: inspect.Type) -> str:
    name = _type_name(kind)
    match kind:
        case inspect.IntType() | inspect.FloatType():
            return f"{'an' if name[0] in 'aeiou' else 'a'} {name}{_range(kind)}"
        case inspect.VarTupleType() | inspect.DictType():
            return f"a {name}"
        case _:
            return name


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    low, high = kind.ge, kind.le
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = [
        f"{words} {bound}"
        for words, bound in (("above", kind.gt), ("at least", low), ("below", kind.lt), ("at most", high))
        if bound is not None
    ]
    return f" {' and '.join(words)}" if words else ""


def _type_name(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "integer"
        case inspect.FloatType():
            return "number"
        case inspect.StrType():
            return "text"
        case inspect.LiteralType():
            return " or ".join(toml_value(value) for value in kind.values)
        case inspect.VarTupleType():
            return f"list of {_type_name(kind.item_type)}"
        case inspect.DictType():
            return f"table of {_type_name(kind.value_type)}"
        case inspect.StructType():
            return "tables"
        case _:
            raise TypeError(f"settings of the type {kind!r} cannot be described")


ROOT = section_of(Settings)
FIELDS = {each.key: each for each in ROOT.all_fields()}
