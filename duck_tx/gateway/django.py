"""Loads a project: Django set up once, its startup commands run, its applications imported.

Django is imported by the functions here and not with this module: a process that serves no Django never pays
for it, and a main process that only watches its workers stays free of it. Its logging is as its settings say.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from duck_tx.errors import ApplicationError
from duck_tx.gateway.commands import run_commands
from duck_tx.gateway.failure import explained, unreadable
from duck_tx.gateway.files import FileMount, file_mounts
from duck_tx.gateway.project import SETTINGS_VARIABLE, Project

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
ASGIApplication = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Any]


class Calls(NamedTuple):
    """How a project is to be called.

    :ivar by_asgi: through ASGI, where it has an application for that.
    :ivar by_wsgi: through WSGI too; an application that was named for ASGI alone never is.
    :ivar has_paths: for some paths ASGI is wanted in any case.
    """

    by_asgi: bool = True
    by_wsgi: bool = True
    has_paths: bool = False


class NamedASGI(NamedTuple):
    """An ASGI application, and what it is called in messages."""

    application: ASGIApplication
    name: str


@dataclass(frozen=True, slots=True)
class LoadedProject:
    """A project that is ready to answer requests."""

    project: Project
    #: ``None`` if it is called through ASGI alone.
    application: WSGIApplication | None
    #: Django's DEBUG; false for an application that is not Django's.
    debug: bool = False
    mounts: tuple[FileMount, ...] = ()
    #: ``None`` if there is none, or it is not wanted.
    asgi: NamedASGI | None = None


def load(
    project: Project,
    *,
    commands: Sequence[str] = (),
    emit: Callable[[str], object] | None = None,
    skip_setup: bool = False,
    use_finders: bool | None = None,
    calls: Calls = Calls(),  # noqa: B008 - an immutable value
) -> LoadedProject:
    """Import the project, run ``commands`` in it, and return its applications.

    Blocks, and runs the project's own code: call it once, before the server listens.

    :param commands: management commands as one would type them, such as ``"collectstatic --clear"``.
    :param emit: gets each line that the commands print.
    :param skip_setup: our caller has called ``django.setup()``.
    :param use_finders: static files from the apps' own directories instead of STATIC_ROOT; ``None``: with
        DEBUG, and in the welcome project.
    :param calls: which applications are wanted.
    :raises ApplicationError: with one line that says what is wrong; the project's own exception is its cause.
    """
    activate(project)
    if commands:
        prepare(project, commands, emit or (lambda line: None), skip_setup=skip_setup)
    application = None
    if calls.by_wsgi and project.kind != "asgi":
        application = _application(project, skip_setup)
    asgi = _asgi(project, skip_setup, calls) if calls.by_asgi or application is None else None
    settings = _settings()
    if settings is None:
        return LoadedProject(project, application, asgi=asgi)
    _import_urls(settings, project)
    with _Explained("Django's settings", project):
        debug = bool(settings.DEBUG)
        finders = debug or project.kind == "welcome" if use_finders is None else use_finders
        mounts = file_mounts(use_finders=finders)
    close_connections()
    return LoadedProject(project, application, debug, mounts, asgi)


def prepare(
    project: Project, commands: Sequence[str], emit: Callable[[str], object], *, skip_setup: bool = False
) -> None:
    """Run ``commands`` in a project that can be imported; the arguments are those of :func:`load`.

    :raises ApplicationError: with one line that says what is wrong.
    """
    _prepare_commands(project, skip_setup)
    run_commands(commands, emit)


def activate(project: Project) -> None:
    """Make the project importable, and say in the environment which settings it uses, for children too.

    :raises ApplicationError: if Django has been configured with other settings in this process.
    """
    if project.kind != "welcome" and sys.path[:1] != [project.directory]:
        sys.path.insert(0, project.directory)
    if project.settings_module is None:
        return
    settings = _settings()
    used = getattr(settings, "SETTINGS_MODULE", None) if settings is not None else project.settings_module
    if used != project.settings_module:
        raise ApplicationError(
            f"Django is already configured in this process ({used or 'by settings.configure()'}), "
            f"so it cannot use {project.settings_module}."
        )
    os.environ[SETTINGS_VARIABLE] = project.settings_module


def close_connections() -> None:
    """Close the database connections of the thread that calls this.

    Django itself closes what is stale around each request. A persistent connection (CONN_MAX_AGE) of an idle
    thread stays open beyond that, so every thread of a pool calls this as its last act. Without Django this
    does nothing.
    """
    if "django.db" not in sys.modules or _settings() is None:
        return
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        # One database that is gone must not keep the others open.
        with suppress(Exception):
            connection.close()


def _prepare_commands(project: Project, skip_setup: bool) -> None:
    named = project.wsgi or project.asgi
    if project.settings_module is None and named is not None:
        # Only its own wsgi.py or asgi.py knows the settings.
        _imported(named, project.source, project)
    if project.settings_module is None and _settings() is None:
        raise ApplicationError(
            f"startup commands need Django, and {named} has not configured it: "
            "name its settings with --django-settings."
        )
    if not skip_setup:
        _set_up(project)


def _application(project: Project, skip_setup: bool) -> WSGIApplication:
    application: WSGIApplication
    if project.wsgi is not None:
        application = _imported(project.wsgi, project.source, project)
        _check_wsgi(application, f"{project.source} {project.wsgi}")
        return application
    settings = _import_settings(project)
    named = settings.WSGI_APPLICATION
    if named:
        # Importing it sets Django up, as a rule; where it does not, we do.
        application = _imported(":".join(named.rsplit(".", 1)), "WSGI_APPLICATION", project)
        _check_wsgi(application, f"WSGI_APPLICATION {named}")
        if not skip_setup:
            _set_up(project)
        return application
    if not skip_setup:
        _set_up(project)
    from django.core.handlers.wsgi import WSGIHandler

    with _Explained("Django's middleware", project):
        handler: WSGIApplication = WSGIHandler()
    return handler


def _check_wsgi(application: WSGIApplication, who: str) -> None:
    """Find out now, and not at the first request, that it is for ASGI.

    :param who: who names it, and the name.
    :raises ApplicationError: if it cannot be called as WSGI has it.
    """
    try:
        signature = inspect.signature(application)
    except Exception:
        # It is not written in Python, or has annotations that only a type checker can follow.
        return
    try:
        signature.bind({}, None)
    except TypeError:
        raise ApplicationError(
            f"{who} is no WSGI application: it cannot be called with an environment and start_response. One for ASGI is"
            " named with --asgi."
        ) from None


def _asgi(project: Project, skip_setup: bool, calls: Calls) -> NamedASGI | None:
    """The application for ASGI; ``None`` if nobody has named one, and none is needed.

    :raises ApplicationError: if it cannot be imported.
    """
    name, source = project.asgi, "--asgi"
    if name is None:
        if not calls.by_wsgi and not skip_setup:
            _set_up(project)
        settings = _settings()
        dotted = getattr(settings, "ASGI_APPLICATION", None)
        if dotted:
            name, source = ":".join(dotted.rsplit(".", 1)), "ASGI_APPLICATION"
        elif settings is None or (calls.by_wsgi and not calls.has_paths):
            return None
    if name is not None:
        return NamedASGI(_imported(name, source, project), name)
    # What `django.core.asgi` gives: the project's views, without a module of its own for that.
    from django.core.handlers.asgi import ASGIHandler

    with _Explained("Django's middleware", project):
        return NamedASGI(ASGIHandler(), "django.core.handlers.asgi.ASGIHandler")


def allowed_hosts() -> Callable[[str], bool] | None:
    """What says whether a host is the site's, by Django's ``ALLOWED_HOSTS``; ``None`` without Django."""
    settings = _settings()
    if settings is None:
        return None
    from django.http.request import validate_host

    def is_allowed(host: str) -> bool:
        hosts = settings.ALLOWED_HOSTS
        if settings.DEBUG and not hosts:
            # As Django itself has it.
            hosts = [".localhost", "127.0.0.1", "[::1]"]
        # The dot behind a whole name is no part of it, as Django has it, too.
        return bool(validate_host(host.lower().removesuffix("."), hosts))

    return is_allowed


def _import_urls(settings: Any, project: Project) -> None:
    """Find out now, and not at the first request, whether the views can be imported."""
    from django.apps import apps

    # A middleware may choose for each request instead.
    name = getattr(settings, "ROOT_URLCONF", None)
    if isinstance(name, str) and apps.ready:
        with _Explained(f"ROOT_URLCONF {name}", project):
            importlib.import_module(name)


def _imported(dotted: str, source: str, project: Project) -> Any:
    """The object that ``module:name`` names.

    :param source: who names it, in words for messages.
    :raises ApplicationError: if it cannot be imported, is not there, or cannot be called.
    """
    module_name, _, name = dotted.partition(":")
    with _Explained(f"{source} {dotted}", project):
        found: Any = importlib.import_module(module_name)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            place = getattr(found, "__file__", None) or module_name
            raise ApplicationError(f"{source} {dotted}: no {part!r} in {place}.") from error
    if not callable(found):
        raise ApplicationError(f"{source} {dotted}: {name!r} is a {type(found).__name__}, which cannot be called.")
    return found


def _set_up(project: Project) -> None:
    """``django.setup()``, unless that has been done."""
    _import_settings(project)
    from django.apps import apps

    if apps.ready:
        return
    import django

    with _Explained("Django's setup", project):
        # As WSGI does it: the script name comes with each request.
        django.setup(set_prefix=False)


def _import_settings(project: Project) -> Any:
    """Django's settings, imported.

    :raises ApplicationError: if they cannot be.
    """
    try:
        from django.conf import settings
    except ModuleNotFoundError as error:
        closed = unreadable("django")
        raise ApplicationError(
            f"Django is not found in the Python at {sys.prefix}, perhaps as this user may not read {closed}: "
            "open that to the user that the server runs as, or pip install django."
            if closed
            else f"Django is not installed in the Python at {sys.prefix}: pip install django."
        ) from error
    name = project.settings_module
    try:
        with _Explained(f"settings module {name}" if name else "Django's settings", project):
            settings.INSTALLED_APPS  # noqa: B018 -- the first look imports them
    except ApplicationError as error:
        missing = getattr(error.__cause__, "name", None)
        if isinstance(error.__cause__, ModuleNotFoundError) and name and f"{name}.".startswith(f"{missing}."):
            raise ApplicationError(
                f"settings module {name} (from {project.source}) not found: "
                f"no {missing!r} in {project.directory} or in the Python at {sys.prefix}."
            ) from error.__cause__
        raise
    return settings


def _settings() -> Any:
    """Django's settings if they have been configured, else ``None``; imports nothing."""
    conf = sys.modules.get("django.conf")
    return conf.settings if conf is not None and conf.settings.configured else None


class _Explained:
    """A context in which whatever the project's code raises becomes an ApplicationError of one line."""

    def __init__(self, doing: str, project: Project) -> None:
        self._doing = doing
        self._project = project

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (Exception, SystemExit)):
            raise explained(self._doing, error, self._project.directory) from error
