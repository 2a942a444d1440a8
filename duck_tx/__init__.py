"""duck_tx: serve a Django site from one Twisted process tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from duck_tx.app import App as App
    from duck_tx.automations.automation import Automation as Automation
    from duck_tx.automations.command import command as command
    from duck_tx.automations.decorator import automation as automation
    from duck_tx.automations.program import program as program
    from duck_tx.automations.schedule import at as at
    from duck_tx.automations.schedule import at_start as at_start
    from duck_tx.automations.schedule import cron as cron
    from duck_tx.automations.schedule import every as every
    from duck_tx.automations.trigger import AutomationTrigger as AutomationTrigger
    from duck_tx.automations.trigger import NoTrigger as NoTrigger
    from duck_tx.errors import ApplicationError as ApplicationError
    from duck_tx.errors import AutomationError as AutomationError
    from duck_tx.errors import PortError as PortError
    from duck_tx.errors import SettingsError as SettingsError
    from duck_tx.microapp import MicroApp as MicroApp
    from duck_tx.settings import Settings as Settings

_PLACES = {
    "App": "duck_tx.app",
    "ApplicationError": "duck_tx.errors",
    "Automation": "duck_tx.automations.automation",
    "AutomationError": "duck_tx.errors",
    "AutomationTrigger": "duck_tx.automations.trigger",
    "MicroApp": "duck_tx.microapp",
    "NoTrigger": "duck_tx.automations.trigger",
    "PortError": "duck_tx.errors",
    "Settings": "duck_tx.settings",
    "SettingsError": "duck_tx.errors",
    "at": "duck_tx.automations.schedule",
    "at_start": "duck_tx.automations.schedule",
    "automation": "duck_tx.automations.decorator",
    "command": "duck_tx.automations.command",
    "cron": "duck_tx.automations.schedule",
    "every": "duck_tx.automations.schedule",
    "program": "duck_tx.automations.program",
}

__all__ = [
    "App",
    "ApplicationError",
    "Automation",
    "AutomationError",
    "AutomationTrigger",
    "MicroApp",
    "NoTrigger",
    "PortError",
    "Settings",
    "SettingsError",
    "__version__",
    "at",
    "at_start",
    "automation",
    "command",
    "cron",
    "every",
    "program",
]


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: listing the commands of ``twistd`` needs none of them."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(place), name)
    return value
