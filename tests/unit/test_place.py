"""Where a server is, by its settings."""

from __future__ import annotations

from pathlib import Path

from duck_tx.errors import ApplicationError
from duck_tx.gateway.project import Project
from duck_tx.place import project_of, state_directory
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase


def _settings(**values: object) -> Settings:
    """Settings with ``section__key`` changed."""
    return override(Settings(), {key.replace("__", "."): value for key, value in values.items()}, "test").settings


class ProjectTests(UnitTestCase):
    def test_without_a_gateway_there_is_none(self) -> None:
        self.assertIsNone(project_of(_settings(gateway__enabled=False)))

    def test_somebody_else_has_it(self) -> None:
        self.assertIsNone(project_of(_settings(gateway__addr="127.0.0.1:8001", gateway__external=True)))

    def test_a_route_for_everything_takes_its_place_unless_it_is_named(self) -> None:
        everything = {"proxy__routes": [{"upstreams": ["http://127.0.0.1:9000"]}]}
        self.assertIsNone(project_of(_settings(**everything)))
        self.assertIsNotNone(project_of(_settings(gateway__wsgi="site:app", **everything)))
        some = {"proxy__routes": [{"prefix": "/api", "upstreams": ["http://127.0.0.1:9000"]}]}
        self.assertIsNotNone(project_of(_settings(**some)))

    def test_one_that_is_not_there_is_an_error(self) -> None:
        self.assertRaises(ApplicationError, project_of, _settings(gateway__project="/nowhere"))

    def test_an_application_by_its_name(self) -> None:
        project = project_of(_settings(gateway__wsgi="site:app"))
        assert project is not None
        self.assertEqual(project.wsgi, "site:app")


class StateDirectoryTests(UnitTestCase):
    def test_it_lies_beside_the_project(self) -> None:
        self.assertEqual(state_directory(_settings(), Project("manage", "/srv/site")), Path("/srv/site/.duck"))

    def test_without_a_project_it_lies_here(self) -> None:
        self.assertEqual(state_directory(_settings(), None), Path.cwd() / ".duck")

    def test_another_can_be_chosen(self) -> None:
        settings = _settings(server__state_dir="state")
        self.assertEqual(state_directory(settings, Project("manage", "/srv/site")), Path.cwd() / "state")
