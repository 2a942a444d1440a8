from __future__ import annotations

import os
from pathlib import Path

from duck_tx.errors import ApplicationError
from duck_tx.gateway.project import NamedSettings, locate, settings_named_by
from tests.case import UnitTestCase

_MANAGE = 'import os\nif __name__ == "__main__":\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'


class LocateTests(UnitTestCase):
    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        self.here.mkdir()

    def manage(self, settings: str = "site.settings", below: str = ".") -> Path:
        directory = self.here / below
        directory.mkdir(exist_ok=True)
        (directory / "manage.py").write_text(_MANAGE.format(settings))
        return directory

    def failure(self, **options: str) -> str:
        error = self.assertRaises(ApplicationError, locate, directory=str(self.here), environ={}, **options)
        self.assertEqual(str(error).count("\n"), 0)
        return str(error)

    def test_manage_py_in_the_current_directory_is_used(self) -> None:
        self.manage()
        found = locate(directory=str(self.here), environ={}, fallback="welcome.settings")
        self.assertEqual(
            (found.kind, found.directory, found.settings_module), ("manage", str(self.here), "site.settings")
        )

    def test_the_named_directory_wins_over_the_current_one(self) -> None:
        self.manage("wrong.settings")
        self.manage("right.settings", "other")
        found = locate(project="other", directory=str(self.here), environ={})
        self.assertEqual((found.directory, found.settings_module), (str(self.here / "other"), "right.settings"))

    def test_the_project_may_be_named_by_its_manage_py(self) -> None:
        self.manage(below="other")
        found = locate(project="other/manage.py", directory=str(self.here), environ={})
        self.assertEqual(found.directory, str(self.here / "other"))

    def test_the_environment_wins_over_the_default_in_manage_py(self) -> None:
        self.manage()
        found = locate(directory=str(self.here), environ={"DJANGO_SETTINGS_MODULE": "site.production"})
        self.assertEqual((found.kind, found.settings_module), ("manage", "site.production"))

    def test_an_assignment_in_manage_py_wins_over_the_environment(self) -> None:
        self.manage()
        (self.here / "manage.py").write_text('import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "site.only"\n')
        found = locate(directory=str(self.here), environ={"DJANGO_SETTINGS_MODULE": "site.production"})
        self.assertEqual(found.settings_module, "site.only")

    def test_the_option_wins_over_manage_py_and_the_environment(self) -> None:
        self.manage()
        found = locate(
            django_settings="mine.settings",
            directory=str(self.here),
            environ={"DJANGO_SETTINGS_MODULE": "site.production"},
        )
        self.assertEqual((found.kind, found.settings_module), ("settings", "mine.settings"))

    def test_settings_may_be_named_for_a_directory_without_manage_py(self) -> None:
        (self.here / "other").mkdir()
        found = locate(project="other", django_settings="s", directory=str(self.here), environ={})
        self.assertEqual((found.directory, found.settings_module), (str(self.here / "other"), "s"))

    def test_the_environment_alone_names_a_project(self) -> None:
        found = locate(directory=str(self.here), environ={"DJANGO_SETTINGS_MODULE": "site.s"}, fallback="w.settings")
        self.assertEqual((found.kind, found.settings_module), ("settings", "site.s"))

    def test_a_wsgi_module_chooses_its_own_settings(self) -> None:
        self.manage("site.development")
        found = locate(wsgi="site.wsgi", directory=str(self.here), environ={})
        self.assertEqual((found.kind, found.wsgi, found.settings_module), ("wsgi", "site.wsgi:application", None))

    def test_a_wsgi_application_may_have_any_name(self) -> None:
        found = locate(wsgi="site.web:make.app", directory=str(self.here), environ={})
        self.assertEqual(found.wsgi, "site.web:make.app")

    def test_an_asgi_application_stands_beside_a_project(self) -> None:
        self.manage()
        found = locate(asgi="site.asgi", directory=str(self.here), environ={})
        self.assertEqual((found.kind, found.asgi, found.wsgi), ("manage", "site.asgi:application", None))
        both = locate(asgi="site.asgi", wsgi="site.wsgi:app", directory=str(self.here), environ={})
        self.assertEqual((both.kind, both.asgi, both.wsgi), ("wsgi", "site.asgi:application", "site.wsgi:app"))

    def test_or_alone(self) -> None:
        for project in (None, "."):
            found = locate(asgi="web:app", project=project, directory=str(self.here), environ={}, fallback="w.settings")
            self.assertEqual((found.kind, found.asgi, found.settings_module), ("asgi", "web:app", None))

    def test_the_welcome_project_is_the_last_resort(self) -> None:
        found = locate(directory=str(self.here), environ={}, fallback="welcome.settings")
        self.assertEqual((found.kind, found.settings_module), ("welcome", "welcome.settings"))

    def test_django_that_is_configured_already_is_served(self) -> None:
        self.manage()
        found = locate(directory=str(self.here), environ={}, fallback="welcome.settings", configured=True)
        self.assertEqual((found.kind, found.settings_module), ("configured", None))

    def test_an_option_wins_over_what_is_configured(self) -> None:
        self.manage(below="other")
        found = locate(project="other", directory=str(self.here), environ={}, configured=True)
        self.assertEqual(found.kind, "manage")

    def test_a_directory_that_is_not_there_is_named(self) -> None:
        self.assertEqual(self.failure(project="nowhere"), f"--project {self.here}/nowhere does not exist.")

    def test_a_file_is_no_project(self) -> None:
        (self.here / "file").touch()
        self.assertEqual(self.failure(project="file"), f"--project {self.here}/file is not a directory.")

    def test_a_directory_without_manage_py_is_named_with_the_ways_out(self) -> None:
        message = self.failure(project=".")
        self.assertTrue(message.startswith(f"no manage.py in {self.here}: "), message)
        self.assertIn("--django-settings", message)

    def test_nothing_to_serve_at_all_is_an_error(self) -> None:
        self.assertIn("--project", self.failure())

    def test_a_manage_py_that_names_no_settings_is_an_error(self) -> None:
        (self.here / "manage.py").write_text("from site.commands import main\nmain()\n")
        self.assertIn("does not say which settings module to use", self.failure())

    def test_a_broken_manage_py_is_named_with_its_line(self) -> None:
        (self.here / "manage.py").write_text("import os\nprint 'old'\n")
        self.assertTrue(self.failure().startswith(f"{self.here}/manage.py, line 2: "), self.failure())

    def test_a_file_name_instead_of_a_module_is_explained(self) -> None:
        self.assertEqual(
            self.failure(wsgi="./site/wsgi.py"),
            "--wsgi: './site/wsgi.py' is not the dotted name of a module (did you mean site.wsgi?).",
        )
        self.assertIn("--asgi: 'site/asgi.py' is not the dotted name", self.failure(asgi="site/asgi.py"))
        self.assertIn("(did you mean site.settings?)", self.failure(django_settings="site/settings.py"))

    def test_a_name_that_is_none_is_refused(self) -> None:
        for wsgi in ("", ":app", "site..wsgi", "site.wsgi:a b", "site-1:app"):
            self.assertIn("is not the dotted name of a module", self.failure(wsgi=wsgi))

    def test_nothing_is_imported_or_changed(self) -> None:
        self.manage("duck_tx_test_nowhere.settings")
        before = dict(os.environ)
        locate(directory=str(self.here))
        self.assertEqual(dict(os.environ), before)


class NamedSettingsTests(UnitTestCase):
    def named(self, source: str | bytes) -> NamedSettings | None:
        path = Path(self.mktemp())
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        return settings_named_by(str(path))

    def test_a_default_is_found_in_a_function(self) -> None:
        source = 'def main():\n    """Run."""\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.settings")\n'
        self.assertEqual(self.named(source), NamedSettings("a.settings", False))

    def test_a_default_is_found_inside_try(self) -> None:
        source = 'try:\n    environ.setdefault("DJANGO_SETTINGS_MODULE", "a")\nfinally:\n    pass\n'
        self.assertEqual(self.named(source), NamedSettings("a", False))

    def test_the_branch_for_tests_is_passed_over(self) -> None:
        branch = 'if "test" in sys.argv:\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.test")\n'
        rest = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.site")\n'
        self.assertEqual(self.named(branch + rest), NamedSettings("a.site", False))
        self.assertEqual(self.named(f"{branch}else:\n    {rest}"), NamedSettings("a.site", False))

    def test_the_first_default_wins_as_it_does_when_run(self) -> None:
        line = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'
        self.assertEqual(self.named(line.format("first") + line.format("second")), NamedSettings("first", False))

    def test_a_computed_name_is_not_guessed(self) -> None:
        self.assertIsNone(self.named('os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{site}.settings")\n'))

    def test_a_comment_or_string_is_not_code(self) -> None:
        call = 'environ.setdefault("DJANGO_SETTINGS_MODULE", "a")'
        self.assertIsNone(self.named(f"# {call}\ntext = '{call}'\n"))

    def test_the_encoding_of_the_file_is_heeded(self) -> None:
        source = '# -*- coding: latin-1 -*-\n# Bj\xf6rn\nenviron.setdefault("DJANGO_SETTINGS_MODULE", "a")\n'
        self.assertEqual(self.named(source.encode("latin-1")), NamedSettings("a", False))

    def test_bytes_that_are_no_text_are_an_error_of_one_line(self) -> None:
        for source in (b"\xff\xfe\x00", b"a\0b"):
            error = self.assertRaises(ApplicationError, self.named, source)
            self.assertNotIn("\n", str(error))

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        path = self.mktemp()
        error = self.assertRaises(ApplicationError, settings_named_by, path)
        self.assertEqual(str(error), f"cannot read {path}: No such file or directory.")
