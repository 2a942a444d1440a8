"""The settings file: which one is read, and its tree."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duck_tx.errors import SettingsError

_FILE = "duck.toml"
_PROJECT_FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file that was read.

    :ivar label: its path as the user would name it, with the table if the file is not ours alone.
    :ivar tree: its settings, as parsed.
    """

    label: str
    tree: Mapping[str, Any]


def find_file(directory: Path, config: Path | None = None) -> SettingsFile | None:
    """Read the file that holds: ``config``, else ``duck.toml``, else ``[tool.duck]`` in ``pyproject.toml``.

    :param directory: where to look; also where a relative ``config`` starts.
    :return: None if there is no file, and none was asked for.
    :raises SettingsError: if a file is missing that was asked for, cannot be read, or is not TOML in UTF-8.
    """
    if config is not None:
        path = directory / config
        data = _read(path)
        if data is None:
            raise SettingsError(f"{path} (--config): there is no such file; mend the path, or leave --config out")
        return _settings(path, data)
    for name in (_FILE, _PROJECT_FILE):
        path = directory / name
        data = _read(path)
        if data is not None:
            return _settings(path, data)
    return None


def _read(path: Path) -> bytes | None:
    """The content of a file, or None if there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}; mend it, or name another file with --config"
        ) from error


def _settings(path: Path, data: bytes) -> SettingsFile | None:
    tree = _parse(path, data)
    if path.name != _PROJECT_FILE:
        return SettingsFile(str(path), tree)
    label = f"{path} [tool.duck]"
    tool = tree.get("tool", {})
    duck = tool.get("duck") if isinstance(tool, dict) else None
    if duck is None:
        return None
    if not isinstance(duck, dict):
        raise SettingsError(f"{label}: this has to be a table; write [tool.duck.server] and so on")
    return SettingsFile(label, duck)


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        # Editors on Windows write a byte order mark, which TOML does not know.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        # Counted in what was decodable, so that the column is one of characters, as in an editor.
        line, column = _end_of(data[: error.start].decode("utf-8-sig", "replace"))
        raise SettingsError(
            f"{path}, line {line}, column {column}: not UTF-8; save the file in that encoding"
        ) from error
    except tomllib.TOMLDecodeError as error:
        line, column, reason = _place(str(error), data.decode("utf-8-sig"))
        raise SettingsError(f"{path}, line {line}, column {column}: not TOML: {reason}") from error


def _place(message: str, text: str) -> tuple[int, int, str]:
    """Line, column and reason out of the parser's message: before Python 3.14 it says them nowhere else."""
    match = re.fullmatch(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if match is None:
        return (*_end_of(text), message)
    if match[2] is None:
        return (*_end_of(text), match[1])
    return int(match[2]), int(match[3]), match[1]


def _end_of(text: str) -> tuple[int, int]:
    """Line and column behind the last character, counted from one."""
    lines = text.split("\n")
    return len(lines), len(lines[-1]) + 1
