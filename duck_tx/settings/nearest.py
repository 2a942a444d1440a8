"""Which setting somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known dotted key that a misspelt one most likely stands for, or None.

    A right name in the wrong section counts as near: ``port`` or ``http.port`` for ``server.port``.
    """
    keys = sorted(known)
    section, _, name = key.rpartition(".")
    same_name = [each for each in keys if each.rpartition(".")[2] == name]
    if same_name:
        return get_close_matches(key, same_name, n=1, cutoff=0.0)[0]
    # By the name alone where the section is right: its letters would make any two keys of it look alike.
    names = {each.rpartition(".")[2]: each for each in keys if section in ("", each.rpartition(".")[0])}
    if names:
        return next((names[each] for each in get_close_matches(name, names, n=1)), None)
    return next(iter(get_close_matches(key, keys, n=1, cutoff=0.75)), None)
