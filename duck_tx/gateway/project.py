"""Finds the Python application to serve: from the options, the environment, or the directory we stand in.

Nothing of the project is imported or run here; :mod:`duck_tx.gateway.django` does that with what is found.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from duck_tx.errors import ApplicationError

Kind = Literal["wsgi", "asgi", "settings", "manage", "configured", "welcome"]

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"


@dataclass(frozen=True, slots=True)
class Project:
    """What will be served, and how it was found."""

    kind: Kind
    #: Absolute; goes first on ``sys.path``, and the state directory lies beside it.
    directory: str
    #: Django's settings module, or ``None`` where the application (or our caller) sees to that itself.
    settings_module: str | None = None
    #: ``module:name`` of the WSGI application, or ``None``: what Django's settings say.
    wsgi: str | None = None
    #: Who named ``settings_module`` or ``wsgi``, in words for messages.
    source: str = ""
    #: ``module:name`` of the ASGI application, or ``None``: what Django's settings say.
    asgi: str | None = None


def locate(
    *,
    project: str | None = None,
    django_settings: str | None = None,
    wsgi: str | None = None,
    asgi: str | None = None,
    directory: str | None = None,
    environ: Mapping[str, str] | None = None,
    fallback: str | None = None,
    configured: bool = False,
) -> Project:
    """The project that the options name, else the one in ``directory``, else the welcome project.

    :param project: a directory with a ``manage.py`` in it (or that file).
    :param django_settings: a settings module; wins over ``manage.py`` and the environment.
    :param wsgi: ``module:name`` of a WSGI application; the name is ``application`` where it is left out.
    :param asgi: ``module:name`` of an ASGI application, likewise.  It stands beside what else is found, or alone in
        place of the welcome project.
    :param directory: where to look when nothing is named; the current directory.
    :param environ: for ``DJANGO_SETTINGS_MODULE``, which wins over the default in ``manage.py``.
    :param fallback: the settings module of the welcome project.
    :param configured: our caller has set Django up already; that is served unless an option names another.
    :raises ApplicationError: if what is named cannot be there.
    """
    if asgi is not None:
        asgi = _full_name(asgi, "--asgi")
    found = _locate(project, django_settings, wsgi, asgi, directory, environ, fallback, configured)
    return found if asgi is None else replace(found, asgi=asgi)


def _locate(
    project: str | None,
    django_settings: str | None,
    wsgi: str | None,
    asgi: str | None,
    directory: str | None,
    environ: Mapping[str, str] | None,
    fallback: str | None,
    configured: bool,
) -> Project:
    environ = os.environ if environ is None else environ
    here = os.path.abspath(directory or os.getcwd())
    root = here if project is None else _project_directory(os.path.join(here, project))
    if django_settings is not None:
        _check_dotted(django_settings, "--django-settings")
    if wsgi is not None:
        # Otherwise the module itself chooses: a wsgi.py often names other settings than manage.py.
        return Project("wsgi", root, django_settings, _full_name(wsgi, "--wsgi"), "--wsgi")
    if django_settings is not None:
        return Project("settings", root, django_settings, source="--django-settings")
    if configured and project is None:
        return Project("configured", root, source="the program that started this")
    from_environment = environ.get(SETTINGS_VARIABLE) or None
    manage = os.path.join(root, "manage.py")
    if os.path.isfile(manage):
        named = settings_named_by(manage)
        if named is not None and (named.always or from_environment is None):
            return Project("manage", root, named.module, source=manage)
        if from_environment is not None:
            return Project("manage", root, from_environment, source=SETTINGS_VARIABLE)
        raise ApplicationError(
            f"{manage} does not say which settings module to use: "
            f"name it with --django-settings or in {SETTINGS_VARIABLE}."
        )
    if project is not None and asgi is None:
        raise ApplicationError(
            f"no manage.py in {root}: choose another --project, or name the application with "
            "--django-settings, --wsgi or --asgi."
        )
    if from_environment is not None:
        return Project("settings", root, from_environment, source=SETTINGS_VARIABLE)
    if asgi is not None:
        return Project("asgi", root, source="--asgi")
    if fallback is None:
        raise ApplicationError(f"no manage.py in {root}: name the application with --project, --wsgi or --asgi.")
    return Project("welcome", root, fallback, source="the welcome project")


@dataclass(frozen=True, slots=True)
class NamedSettings:
    """A settings module that a ``manage.py`` names."""

    module: str
    #: It is assigned, so it wins over the environment; otherwise it is a default.
    always: bool


def settings_named_by(path: str) -> NamedSettings | None:
    """The settings module that the ``manage.py`` at ``path`` would use, by reading and not running it.

    Of several, the first that does not depend on a condition, else the last: conditions there tell tests from
    the rest, and the tests' branch comes first. ``None`` where none is written out as a string.

    :raises ApplicationError: if the file cannot be read or is not Python.
    """
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except OSError as error:
        raise ApplicationError(f"cannot read {path}: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise ApplicationError(f"{path}{f', line {line}' if line else ''}: {error.args[0]}.") from error
    last: NamedSettings | None = None
    for named, conditional in _settings_in(tree, False):
        if not conditional:
            return named
        last = named
    return last


def _settings_in(node: ast.AST, conditional: bool) -> Iterator[tuple[NamedSettings, bool]]:
    """Every settings module named below ``node``, in source order, and whether it depends on a condition."""
    match node:
        case ast.Call(
            func=ast.Attribute(attr="setdefault"),
            args=[ast.Constant(value="DJANGO_SETTINGS_MODULE"), ast.Constant(value=str(module))],
        ):
            yield NamedSettings(module, False), conditional
        case ast.Assign(
            targets=[ast.Subscript(slice=ast.Constant(value="DJANGO_SETTINGS_MODULE"))],
            value=ast.Constant(value=str(module)),
        ):
            yield NamedSettings(module, True), conditional
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            pass
        case ast.If():
            conditional = True
    for child in ast.iter_child_nodes(node):
        yield from _settings_in(child, conditional)


def _project_directory(path: str) -> str:
    path = os.path.abspath(path)
    if os.path.basename(path) == "manage.py" and os.path.isfile(path):
        return os.path.dirname(path)
    if not os.path.exists(path):
        raise ApplicationError(f"--project {path} does not exist.")
    if not os.path.isdir(path):
        raise ApplicationError(f"--project {path} is not a directory.")
    return path


def _full_name(given: str, option: str) -> str:
    module, _, name = given.partition(":")
    name = name or "application"
    _check_dotted(module, option)
    _check_dotted(name, option)
    return f"{module}:{name}"


def _check_dotted(name: str, option: str) -> None:
    """
    :raises ApplicationError: if ``name`` is no dotted name, which is mostly a file's path given instead.
    """
    if all(part.isidentifier() for part in name.split(".")) and not name.endswith(".py"):
        return
    likely = name.removesuffix(".py").strip("./").replace("/", ".")
    meant = f" (did you mean {likely}?)" if likely != name and likely else ""
    raise ApplicationError(f"{option}: {name!r} is not the dotted name of a module{meant}.")
