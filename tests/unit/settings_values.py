"""Right values for every setting, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from duck_tx.settings.fields import FIELDS, Field
from duck_tx.settings.toml import toml_value

# Text with a form of its own, and what has to agree with other keys or with their defaults.
_CHOSEN: dict[str, st.SearchStrategy[Any]] = {
    "automations.modules": st.lists(st.sampled_from(["mysite.jobs", "café.automations"])),
    "server.addr": st.sampled_from(["localhost", "127.0.0.1", "example.com"]),
    "server.port": st.integers(9000, 65535),
    "server.preload": st.just(False),
    "server.uses_ipv6": st.just(False),
    "server.domain": st.sampled_from(["example.com", "[::1]", "xn--bcher-kva.example"]),
    "gateway.addr": st.sampled_from(["127.0.0.1:8001", "[::1]:8001", "unix:/run/django.sock"]),
    "gateway.external": st.just(False),
    "gateway.enabled": st.just(True),
    "gateway.asgi": st.sampled_from(["mysite.asgi:application", "a:b.c"]),
    "gateway.asgi_only": st.just(False),
    "gateway.asgi_paths": st.lists(st.sampled_from(["/events/", "/a%20b"])),
    "gateway.django_settings": st.sampled_from(["mysite.settings", "café.settings"]),
    "gateway.wsgi": st.sampled_from(["mysite.wsgi:application", "a:b.c"]),
    "gateway.commands_on_startup": st.lists(st.sampled_from(["migrate", "loaddata 'a, b'"])),
    "gateway.response_memory": st.integers(0, 1024**2),
    "gateway.response_spool": st.integers(1024**2, 1024**3),
    "https.acme.directory": st.just("https://ca.example/directory"),
    "https.acme.eab_hmac_key": st.sampled_from(["zWNDZM6eQGHWpSRTPal5", "c2VjcmV0"]),
    "https.acme.eab_key_id": st.sampled_from(["kid-1", "NjU0"]),
    "https.acme.email": st.sampled_from(["me@example.com", "a+b@example.org"]),
    "https.acme.names": st.lists(st.sampled_from(["example.com", "www.example.com"]), min_size=1),
    "https.acme.staging": st.just(False),
    "https.enabled": st.just(True),
    "https.force": st.just(False),
    "https.hsts_preload": st.just(False),
    "https.redirect_exempt": st.lists(st.sampled_from(["/healthz", "/a%20b"])),
    "https.redirect_hosts": st.lists(st.sampled_from(["example.com", "*.example.com"])),
    "http.max_header_line": st.integers(64, 16384),
    "http.max_header_block": st.integers(16384, 10**6),
    "proxy.trusted": st.lists(st.sampled_from(["unix", "*", "10.0.0.0/8", "::1"])),
}
_PATHS = {
    "gateway.project",
    "https.acme.ca_file",
    "https.certfile",
    "https.folder",
    "https.private_key",
    "log.file",
    "server.state_dir",
}
_PATH = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(str.strip)
_WORD = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
_CHOSEN["sidecars"] = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["worker", "beat"]), "command": st.lists(_WORD, min_size=1)},
        optional={
            "directory": _PATH,
            # Never a default, which is left out where a table is shown.
            "env": st.dictionaries(st.sampled_from(["A", "B.C", "D E"]), _WORD, min_size=1),
            "restart": st.sampled_from(["on-failure", "never"]),
            "grace": st.floats(11, 86400),
        },
    ),
    unique_by=lambda table: table["name"],
)
_SERVER = st.sampled_from(["http://127.0.0.1:9000", "https://api.example/base/", "unix:/run/x.sock"])
_CHOSEN["proxy.routes"] = st.lists(
    st.fixed_dictionaries(
        {
            "prefix": st.sampled_from(["/api", "/b/c/", "/%C3%A9"]),
            "upstreams": st.lists(
                # A weight of 1 is the default.
                st.one_of(_SERVER, st.fixed_dictionaries({"url": _SERVER}, optional={"weight": st.integers(2, 9)})),
                min_size=1,
                unique_by=lambda server: server if isinstance(server, str) else server["url"],
            ),
        },
        optional={"strip": st.just(True), "slow_start": st.floats(0, 9), "eject_statuses": st.just([502, 503])},
    ),
    unique_by=lambda route: route["prefix"],
)
# What a key wants beside it, in the same source.
_COMPANIONS: dict[str, dict[str, object]] = {
    "https.certfile": {"https.enabled": True},
    "https.private_key": {"https.certfile": "site.pem", "https.enabled": True},
    "https.acme.email": {"server.domain": "example.com"},
    "https.acme.eab_key_id": {"https.acme.eab_hmac_key": "c2VjcmV0"},
    "https.acme.eab_hmac_key": {"https.acme.eab_key_id": "kid-1"},
}


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
            return _PATH
        case inspect.StrType():
            return st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return st.lists(st.fixed_dictionaries({"certfile": _PATH}, optional={"private_key": _PATH}))
        case _:
            raise TypeError(f"no values known for {field.key}")


def layers() -> st.SearchStrategy[dict[str, Any]]:
    """Values for some keys, as one source may give them."""
    chosen = st.fixed_dictionaries({}, optional={key: values_of(field) for key, field in FIELDS.items()})
    return chosen.map(_with_companions)


def _with_companions(layer: dict[str, Any]) -> dict[str, Any]:
    wanted = [companion for key, companion in _COMPANIONS.items() if key in layer]
    return {key: value for companion in wanted for key, value in companion.items()} | layer


def as_toml(layer: dict[str, Any]) -> str:
    """A layer as a file, with dotted keys."""
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in layer.items())


def as_environment(layer: dict[str, Any]) -> dict[str, str]:
    """A layer as variables."""
    return {
        FIELDS[key].environment: value if isinstance(value, str) else toml_value(value) for key, value in layer.items()
    }
