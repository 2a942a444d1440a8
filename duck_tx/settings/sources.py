"""Where settings come from: the tree of a TOML file, the environment, the options of the command.

Each source is read into the values it gives and the problems it has; nothing is raised here, so that the user
hears of all problems at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from duck_tx.settings.fields import Section
from duck_tx.settings.given import Given, shown_value
from duck_tx.settings.nearest import nearest
from duck_tx.settings.options import OPTIONS, OTHER_OPTIONS
from duck_tx.settings.toml import toml_key


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source gives, in its own order."""

    given: list[Given] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_tree(root: Section, tree: Mapping[str, object], source: str) -> Reading:
    """The settings in the tables of a parsed file."""
    reading = Reading()
    _read_table(root, root, tree, source, reading)
    return reading


def _read_table(root: Section, section: Section, table: Mapping[str, object], source: str, reading: Reading) -> None:
    for name, value in table.items():
        path = f"{section.key}.{toml_key(name)}" if section.key else toml_key(name)
        if name in section.fields:
            reading.given.append(Given(section.fields[name], value, source))
        elif name not in section.sections:
            reading.problems.append(f"{path} = {shown_value(value)} ({source}): {_unknown(root, section, path)}")
        elif isinstance(value, Mapping):
            _read_table(root, section.sections[name], value, source, reading)
        else:
            reading.problems.append(
                f"{path} = {shown_value(value)} ({source}): this is a section; give a table, [{path}]"
            )


def _unknown(root: Section, section: Section, path: str) -> str:
    """What to say of a key that is not there, seen from the section it stands in."""
    known = [*(each.key for each in root.all_fields()), *(each.key for each in root.walk() if each.key)]
    near = nearest(path, known)
    if near:
        return f"there is no such setting; did you mean {near}?"
    if section.key:
        return f"there is no such setting; {section.key} has {', '.join([*section.fields, *section.sections])}"
    return f"there is no such setting; the sections are {', '.join(section.sections)}"


def read_environment(root: Section, environ: Mapping[str, str]) -> Reading:
    """The settings in the variables that start with ``DUCK_`` and have a double underscore, or no section.

    Other names with the prefix may belong to somebody else and are left alone.
    """
    reading = Reading()
    fields = {each.environment: each for each in root.all_fields()}
    for name in sorted(environ):
        if name in fields:
            reading.given.append(Given(fields[name], environ[name], name, is_text=True))
            continue
        if not name.startswith("DUCK_") or "__" not in name:
            continue
        near = nearest(name.removeprefix("DUCK_").lower().replace("__", "."), (each.key for each in fields.values()))
        variables = [each.environment for each in fields.values() if each.key == near]
        mend = f"did you mean {variables[0]}?" if variables else f"the sections are {', '.join(root.sections)}"
        reading.problems.append(f"{name} = {shown_value(environ[name])}: there is no such setting; {mend}")
    return reading


def read_options(root: Section, options: Mapping[str, object]) -> Reading:
    """The settings in the options of the command, by their long names.

    None and an empty list mean that the option was not given, as does a false flag.
    """
    reading = Reading()
    fields = {each.key: each for each in root.all_fields()}
    table = {option.name: option for option in OPTIONS if option.key in fields}
    by_key: dict[str, Given] = {}
    for name, value in options.items():
        option = table.get(name)
        if option is None:
            if name not in OTHER_OPTIONS:
                near = nearest(name, table)
                mend = f"did you mean --{near}?" if near else "--help lists the options"
                reading.problems.append(f"--{name} = {shown_value(value)}: there is no such option; {mend}")
            continue
        if value is None or (option.is_flag and not value) or (option.is_repeatable and not value):
            continue
        given = Given(fields[option.key], option.flag if option.is_flag else value, f"--{name}", not option.is_flag)
        earlier = by_key.setdefault(option.key, given)
        if earlier is not given and earlier.value != given.value:
            reading.problems.append(f"{earlier.source} and {given.source} contradict each other; give one of them")
            continue
        reading.given.append(given)
    return reading
