"""Settings from all sources: defaults, the file, the environment and the options, the later the stronger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from duck_tx.errors import SettingsError
from duck_tx.settings.fields import FIELDS, ROOT
from duck_tx.settings.file import find_file
from duck_tx.settings.given import Given, shown_value
from duck_tx.settings.nearest import nearest
from duck_tx.settings.rules import RULES
from duck_tx.settings.schema import Settings
from duck_tx.settings.sources import Reading, read_environment, read_options, read_tree

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked settings.

    :ivar sources: for every key who gave its value: ``default``, the path of a file, ``DUCK_SERVER__PORT`` or
        ``--port``.
    """

    settings: Settings
    sources: Mapping[str, str]


def load(
    *,
    directory: Path,
    environ: Mapping[str, str],
    options: Mapping[str, object],
    config: Path | None = None,
) -> Loaded:
    """Read, merge and check the settings.

    :param directory: where ``duck.toml`` or ``pyproject.toml`` is looked for.
    :param environ: the environment; only names like ``DUCK_SERVER__PORT`` are read.
    :param options: values by the long names of the options; text is read by the type of the field.
    :param config: read this file instead; a path of its own or from ``directory``.
    :raises SettingsError: with every problem of every source, weaker sources included.
    """
    readings = []
    try:
        file = find_file(directory, config)
        if file:
            readings.append(read_tree(ROOT, file.tree, file.label))
    except SettingsError as error:
        readings.append(Reading(problems=list(error.problems)))
    readings += [read_environment(ROOT, environ), read_options(ROOT, options)]
    return _merge(
        (given for reading in readings for given in reading.given),
        [problem for reading in readings for problem in reading.problems],
    )


def override(base: Settings | Loaded, values: Mapping[str, object], source: str) -> Loaded:
    """Settings with other values for some keys, all checked, those of ``base`` included.

    :param values: already typed values by dotted key.
    :param source: who gives them, in the user's words, such as ``App()``.
    :raises SettingsError: as :func:`load`.
    """
    loaded = base if isinstance(base, Loaded) else Loaded(base, {})
    given, problems = [], []
    for field in FIELDS.values():
        value: object = loaded.settings
        for name in field.key.split("."):
            value = getattr(value, name)
        origin = loaded.sources.get(field.key, _DEFAULT if value == field.default else "settings")
        given.append(Given(field, value, origin))
    for key, value in values.items():
        if key in FIELDS:
            given.append(Given(FIELDS[key], value, source))
        else:
            near = nearest(key, FIELDS)
            mend = f"; did you mean {near}?" if near else ""
            problems.append(f"{key} = {shown_value(value)} ({source}): there is no such setting{mend}")
    return _merge(given, problems)


def _merge(givens: Iterable[Given], problems: list[str]) -> Loaded:
    """The last right value for each key.

    :raises SettingsError: if there are problems already, or a value is wrong, or two contradict each other.
    """
    values: dict[str, object] = {}
    last: dict[str, Given] = {key: Given(field, field.default, _DEFAULT) for key, field in FIELDS.items()}
    wrong: set[str] = set()
    for given in givens:
        last[given.field.key] = given
        try:
            values[given.field.key] = given.typed()
        except ValueError:
            wrong.add(given.field.key)
            problems.append(given.problem)
    settings = _build(values)
    for rule in RULES:
        if wrong.isdisjoint(rule.keys):
            shown = ", ".join(last[key].shown for key in rule.keys)
            problems += [f"{shown}: {reason}" for reason in rule.reasons(settings)]
    if problems:
        raise SettingsError(problems)
    return Loaded(settings, MappingProxyType({key: given.source for key, given in last.items()}))


def _build(values: Mapping[str, object]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *path, name = key.split(".")
        table = tree
        for each in path:
            table = table.setdefault(each, {})
        table[name] = value
    return msgspec.convert(tree, Settings)
