"""Right values for every setting, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from duck_tx.settings.fields import FIELDS, Field
from duck_tx.settings.toml import toml_value

# Text with a form of its own, and numbers that have to agree with others or with their defaults.
_CHOSEN: dict[str, st.SearchStrategy[Any]] = {
    "server.addr": st.sampled_from(["localhost", "127.0.0.1", "example.com"]),
    "server.uses_ipv6": st.just(False),
    "server.domain": st.sampled_from(["example.com", "[::1]", "xn--bcher-kva.example"]),
    "gateway.django_settings": st.sampled_from(["mysite.settings", "café.settings"]),
    "gateway.wsgi": st.sampled_from(["mysite.wsgi:application", "a:b.c"]),
    "gateway.commands_on_startup": st.lists(st.sampled_from(["migrate", "loaddata 'a, b'"])),
    "gateway.response_memory": st.integers(0, 1024**2),
    "gateway.response_spool": st.integers(1024**2, 1024**3),
    "http.max_header_line": st.integers(64, 16384),
    "http.max_header_block": st.integers(16384, 10**6),
    "proxy.trusted": st.lists(st.sampled_from(["unix", "*", "10.0.0.0/8", "::1"])),
}
_PATHS = {"gateway.project", "server.state_dir", "log.file"}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Values that a field accepts, as a TOML file gives them: lists, and never None."""
    if field.key in _CHOSEN:
        return _CHOSEN[field.key]
    return st.one_of(*(_of_kind(field, kind) for kind in field.kinds))


def _of_kind(field: Field, kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.FloatType():
            return st.floats(kind.ge or 0, kind.le, exclude_min=kind.gt is not None)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.StrType() if field.key in _PATHS:
            return st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(str.strip)
        case inspect.StrType():
            return st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
        case _:
            raise TypeError(f"no values known for {field.key}")


def layers() -> st.SearchStrategy[dict[str, Any]]:
    """Values for some keys, as one source may give them."""
    return st.fixed_dictionaries({}, optional={key: values_of(field) for key, field in FIELDS.items()})


def as_toml(layer: dict[str, Any]) -> str:
    """A layer as a file, with dotted keys."""
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in layer.items())


def as_environment(layer: dict[str, Any]) -> dict[str, str]:
    """A layer as variables."""
    return {
        FIELDS[key].environment: value if isinstance(value, str) else toml_value(value) for key, value in layer.items()
    }
