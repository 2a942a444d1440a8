"""Loading a project that is called through ASGI."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from duck_tx.errors import ApplicationError
from duck_tx.gateway.django import Calls, allowed_hosts, load
from duck_tx.gateway.project import locate
from tests.case import UnitTestCase
from tests.unit.child import in_child

_SETTINGS = "SECRET_KEY = 's'\nROOT_URLCONF = 'plain'\nALLOWED_HOSTS = ['duck.example', '.pond.example']\n"
_FILES = {
    "plain.py": _SETTINGS + "urlpatterns = []\n",
    "named.py": _SETTINGS + "ASGI_APPLICATION = 'web.app'\n",
    "wrong.py": _SETTINGS + "ASGI_APPLICATION = 'nowhere.app'\n",
    "web.py": "def app(scope, receive, send): ...\n",
}


def loaded(settings: str, root: str, calls: list[bool]) -> list[Any]:
    """Runs in a child: what is loaded of a Django project."""
    _write(root)
    try:
        found = load(locate(django_settings=settings, directory=root, environ={}), calls=Calls(*calls))
    except ApplicationError as error:
        return [str(error)]
    handler = "django.core.handlers.asgi" in sys.modules
    return [found.application is not None, found.asgi and found.asgi.name, handler]


def hosts(root: str) -> list[Any]:
    """Runs in a child: which hosts are a project's own."""
    _write(root)
    names = ("duck.example", "DUCK.example", "duck.example.", "a.pond.example", "evil.example", "localhost", "")
    before = allowed_hosts()
    load(locate(django_settings="plain", directory=root, environ={}))
    is_allowed = allowed_hosts()
    assert is_allowed is not None
    found = [name for name in names if is_allowed(name)]
    from django.conf import settings

    settings.DEBUG, settings.ALLOWED_HOSTS = True, []
    return [before, found, [name for name in names if is_allowed(name)]]


def alone(root: str) -> list[Any]:
    """Runs in a child: an application without Django, and commands that would need it."""
    _write(root)
    project = locate(asgi="web:app", directory=root, environ={})
    found = load(project, calls=Calls(by_asgi=False))
    try:
        load(project, commands=["migrate"])
    except ApplicationError as error:
        said = str(error)
    django = "django" in sys.modules
    return [found.application, found.asgi and found.asgi.name, django, said]


def _write(root: str) -> None:
    for name, text in _FILES.items():
        Path(root, name).write_text(text)


@cache
def _load(settings: str, *calls: bool) -> list[Any]:
    report: list[Any] = in_child(loaded, settings, mkdtemp(dir=os.getcwd()), calls)
    return report


class LoadTests(UnitTestCase):
    def test_a_project_that_names_no_application_costs_nothing(self) -> None:
        self.assertEqual(_load("plain", True, True, False), [True, None, False])

    def test_where_paths_are_for_asgi_it_is_djangos_own(self) -> None:
        self.assertEqual(_load("plain", True, True, True), [True, "django.core.handlers.asgi.ASGIHandler", True])

    def test_an_application_that_the_settings_name_is_imported(self) -> None:
        self.assertEqual(_load("named", True, True, False), [True, "web:app", False])

    def test_unless_it_is_not_wanted(self) -> None:
        self.assertEqual(_load("wrong", False, True, True), [True, None, False])

    def test_one_that_is_not_there_is_named(self) -> None:
        (said,) = _load("wrong", True, True, False)
        self.assertTrue(said.startswith("ASGI_APPLICATION nowhere:app: no module named 'nowhere'"), said)

    def test_asgi_may_be_all(self) -> None:
        self.assertEqual(_load("named", True, False, False), [False, "web:app", False])
        self.assertEqual(_load("plain", True, False, False)[:2], [False, "django.core.handlers.asgi.ASGIHandler"])

    def test_an_application_without_django(self) -> None:
        application, name, django, said = in_child(alone, mkdtemp(dir=os.getcwd()))
        self.assertEqual((application, name, django), (None, "web:app", False))
        self.assertIn("startup commands need Django, and web:app has not configured it", said)

    def test_the_hosts_of_a_project_are_those_that_django_allows(self) -> None:
        before, ours, debugging = in_child(hosts, mkdtemp(dir=os.getcwd()))
        self.assertIsNone(before)
        self.assertEqual(ours, ["duck.example", "DUCK.example", "duck.example.", "a.pond.example"])
        self.assertEqual(debugging, ["localhost"])
