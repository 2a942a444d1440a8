"""duck_tx: serve a Django site from one Twisted process tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from duck_tx.app import App as App
    from duck_tx.errors import ApplicationError as ApplicationError
    from duck_tx.errors import PortError as PortError
    from duck_tx.errors import SettingsError as SettingsError
    from duck_tx.settings import Settings as Settings

_PLACES = {
    "App": "duck_tx.app",
    "ApplicationError": "duck_tx.errors",
    "PortError": "duck_tx.errors",
    "Settings": "duck_tx.settings",
    "SettingsError": "duck_tx.errors",
}

__all__ = ["App", "ApplicationError", "PortError", "Settings", "SettingsError", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: listing the commands of ``twistd`` needs none of them."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(place), name)
    return value
