"""Where a server is, by its settings: its project, and what it keeps beside it."""

from __future__ import annotations

import os
from pathlib import Path

from duck_tx import welcome
from duck_tx.gateway.project import Project, locate
from duck_tx.settings import Settings

__all__ = ["project_of", "state_directory"]


def project_of(settings: Settings, *, configured: bool = False) -> Project | None:
    """The project to serve; ``None`` where the gateway is off.

    :param configured: Django has been set up by the embedding program.
    :raises ApplicationError: if there is no such project.
    """
    gateway = settings.gateway
    if not gateway.enabled or gateway.external:
        return None
    is_named = configured or any((gateway.project, gateway.django_settings, gateway.wsgi, gateway.asgi))
    if not is_named and any(route.is_everything for route in settings.proxy.routes):
        # Nobody would ever ask it.
        return None
    return locate(
        project=gateway.project,
        django_settings=gateway.django_settings,
        wsgi=gateway.wsgi,
        asgi=gateway.asgi,
        fallback=welcome.SETTINGS_MODULE,
        configured=configured,
    )


def state_directory(settings: Settings, project: Project | None) -> Path:
    """Where this server keeps what outlives it: ``.duck`` beside the project, unless told otherwise."""
    if settings.server.state_dir is not None:
        return Path(settings.server.state_dir).absolute()
    return Path(project.directory if project is not None else os.getcwd(), ".duck")
