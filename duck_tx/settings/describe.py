"""The settings shown to people: as a listing of what is in force, and as the reference in the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from duck_tx.settings.fields import FIELDS, ROOT, Field, Section
from duck_tx.settings.load import Loaded
from duck_tx.settings.options import options_of
from duck_tx.settings.toml import toml_value

# Longer values do not push the sources of all others to the right.
_VALUE_WIDTH = 32


def as_text(loaded: Loaded) -> str:
    """Every setting with its value and its source, as a TOML file that gives the same settings again.

    What is None has no form in TOML and stands in a comment, and so does a secret, without its value.
    """
    shown = {key: _shown(field, _value(loaded, field)) for key, field in FIELDS.items()}
    names = {key: f"# {FIELDS[key].name}" if is_comment else FIELDS[key].name for key, (_, is_comment) in shown.items()}
    name_width = max(len(name) for name in names.values())
    blocks = []
    for section in ROOT.walk():
        # What stands in no section comes before the first of them, as TOML wants it.
        lines = [f"[{section.key}]"] if section.key else []
        for field in section.fields.values():
            value, _ = shown[field.key]
            source = loaded.sources[field.key]
            lines.append(f"{names[field.key]:{name_width}} = {value:{_VALUE_WIDTH}}  # {_comment(source)}")
        if section.fields:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _value(loaded: Loaded, field: Field) -> object:
    value: object = loaded.settings
    for name in field.key.split("."):
        value = getattr(value, name)
    return value


def _shown(field: Field, value: object) -> tuple[str, bool]:
    """The text of a value, and whether it is only a comment."""
    if field.is_secret and value is not None:
        return "(not shown)", True
    return toml_value(value), value is None


def _comment(text: str) -> str:
    """Text that cannot end the comment it stands in."""
    return text if text.isprintable() else toml_value(text)


def as_markdown() -> str:
    """The reference of all settings: a table for each section, then what stands in none."""
    sections = (line for section in ROOT.walk() if section.key and section.fields for line in _section(section))
    return "\n".join([*sections, *(line for field in ROOT.fields.values() for line in _alone(field))])


def _section(section: Section) -> Iterator[str]:
    yield from (f"## `{section.key}`", "", section.description, "")
    yield from _rows(section.fields.values())
    for field in section.fields.values():
        if all(column.description for column in field.columns):
            yield from _columns(field, f"Each table of `{field.key}` has these keys:")


def _alone(field: Field) -> Iterator[str]:
    yield from (f"## `{field.key}`", "", field.description, "")
    yield from _rows([field])
    yield from _columns(field, "Each table of the list has these keys:")


def _columns(field: Field, heading: str) -> Iterator[str]:
    if not field.columns:
        return
    yield from (heading, "")
    for column in field.columns:
        default = "required" if column.default is msgspec.NODEFAULT else f"default {_default(column)}"
        yield f"- `{column.name}`: {column.accepted}; {default}. {column.description}"
    yield ""


def _rows(fields: Iterable[Field]) -> Iterator[str]:
    yield "| key | accepts | default | option, variable | meaning |"
    yield "|---|---|---|---|---|"
    for field in fields:
        cells = (f"`{field.name}`", field.accepted, _default(field), _setters(field), field.description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _default(field: Field) -> str:
    value = field.default
    if value is None:
        return "none"
    text = f"`{toml_value(value)}`"
    if field.unit == "bytes" and isinstance(value, int):
        for size, unit in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
            if value and value % size == 0:
                return f"{text} ({value // size} {unit})"
    return text


def _setters(field: Field) -> str:
    options = [
        f"`{option.usage}`" + (f", `-{option.short}`" if option.short else "") for option in options_of(field.key)
    ]
    return ", ".join([*options, f"`{field.environment}`"])
