from __future__ import annotations

import io
import os
import sys
import threading
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from duck_tx.errors import ApplicationError
from duck_tx.gateway.django import LoadedProject, close_connections, load
from duck_tx.gateway.project import locate
from tests.case import UnitTestCase
from tests.unit.child import ROOT, in_child

_EXAMPLE = str(ROOT / "tests" / "project")


def get(loaded: LoadedProject, path: str) -> tuple[str, bytes]:
    """Status and body of one request to the application."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
    }
    started: list[str] = []
    assert loaded.application is not None
    response = loaded.application(environ, lambda status, headers: started.append(status))
    body = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    return started[0], body


def setups_counted() -> list[int]:
    """A list that grows with each time that Django is set up from now on."""
    import django.utils.log

    seen: list[int] = []
    configure = django.utils.log.configure_logging

    def counting(*arguments: Any) -> None:
        seen.append(1)
        configure(*arguments)

    django.utils.log.configure_logging = counting
    return seen


def example_in_debug() -> dict[str, Any]:
    """Runs in a child: the example project without startup commands, then threads of a pool."""
    import logging

    setups = setups_counted()
    loaded = load(locate(project=_EXAMPLE, environ={}))
    from django.db import connection

    def visit(seen: list[Any]) -> None:
        seen.append(get(loaded, "/page")[0])
        seen.append(connection.connection is not None)
        close_connections()
        seen.append(connection.connection is not None)

    seen: list[Any] = []
    thread = threading.Thread(target=visit, args=(seen,))
    thread.start()
    thread.join()
    css = loaded.mounts[0].finder
    return {
        "setups": len(setups),
        "debug": loaded.debug,
        "hello": get(loaded, "/hello")[1].decode(),
        "mounts": [[m.prefix.decode(), m.root, m.finder is not None, m.untrusted] for m in loaded.mounts],
        "css": css and css("pages/site.css"),
        "settings": os.environ["DJANGO_SETTINGS_MODULE"],
        "path": sys.path[0],
        "urls imported": "example.urls" in sys.modules,
        "thread": seen,
        "root log": len(logging.getLogger().handlers),
    }


def example_with_commands(data: str) -> dict[str, Any]:
    """Runs in a child: the same, found by ``--wsgi``, with startup commands before it."""
    lines: list[str] = []
    project = locate(project=_EXAMPLE, wsgi="example.wsgi", environ={})
    loaded = load(project, commands=["migrate", "collectstatic"], emit=lines.append)
    return {
        "lines": lines,
        "status": get(loaded, "/page")[0],
        "debug": loaded.debug,
        "mounts": [[m.prefix.decode(), m.root] for m in loaded.mounts],
        "collected": os.path.exists(f"{data}/static/pages/site.css"),
    }


def broken_projects(root: str) -> dict[str, Any]:
    """Runs in a child: what is said about each of them. The last ones leave Django configured."""
    site = Path(root)

    def write(name: str, text: str) -> None:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)

    def outcome(**options: Any) -> list[str]:
        commands = options.pop("commands", ())
        try:
            loaded = load(locate(directory=root, environ={}, **options), commands=commands)
        except ApplicationError as error:
            return [str(error), type(error.__cause__).__name__]
        return [repr(loaded.application), repr(loaded.mounts), repr(loaded.debug)]

    write("inner/__init__.py", "")
    write("needs.py", "import duck_tx_no_such\n")
    write("broken.py", "x = 1\nx = = 2\n")
    write("key.py", "import os\nSECRET_KEY = os.environ['DUCK_NO_SUCH']\n")
    write(
        "web.py",
        "application = 'no function'\n\ndef plain(environ, start_response): ...\n\n"
        "async def asgi(scope, receive, send): ...\n\n"
        "class Riddle:\n    __call__ = plain\n    @property\n    def __signature__(self): raise NameError\n\n"
        "riddle = Riddle()\n",
    )
    write("improper.py", "from django.core.exceptions import ImproperlyConfigured as I\nraise I('Set\\nit.')\n")
    report = {
        "no settings": outcome(django_settings="nowhere.settings"),
        "no inner settings": outcome(django_settings="inner.settings"),
        "import": outcome(django_settings="needs"),
        "syntax": outcome(django_settings="broken"),
        "key": outcome(django_settings="key"),
        "improper": outcome(django_settings="improper"),
        "no wsgi": outcome(wsgi="nowhere.wsgi"),
        "no name": outcome(wsgi="web:app"),
        "no function": outcome(wsgi="web"),
        "wrong kind": outcome(wsgi="web:asgi"),
        "riddle": outcome(wsgi="web:riddle"),
        "plain": outcome(wsgi="web:plain"),
        "plain commands": outcome(wsgi="web:plain", commands=["migrate"]),
    }
    write("urls.py", "urlpatterns = []\nimport duck_tx_no_such\n")
    write(
        "site_urls.py",
        "SECRET_KEY = 's'\nINSTALLED_APPS = []\nROOT_URLCONF = 'urls'\nWSGI_APPLICATION = None\n",
    )
    report["urls"] = outcome(django_settings="site_urls")
    report["other settings"] = outcome(django_settings="another")
    return report


def broken_app(root: str) -> list[str]:
    """Runs in a child: an app in INSTALLED_APPS that is not there."""
    Path(root, "noapp.py").write_text("SECRET_KEY = 's'\nINSTALLED_APPS = ['duck_tx_no_such']\n")
    try:
        load(locate(directory=root, django_settings="noapp", environ={}))
    except ApplicationError as error:
        return [str(error), type(error.__cause__).__name__]
    return []


def configured_by_the_caller() -> dict[str, Any]:
    """Runs in a child: ``settings.configure`` and ``django.setup`` have been called."""
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="s")
    django.setup()
    setups = setups_counted()
    globals()["urlpatterns"] = [path("", lambda request: HttpResponse("mine"))]
    loaded = load(locate(configured=True, environ={}, fallback="welcome"), skip_setup=True)
    return {"kind": loaded.project.kind, "body": get(loaded, "/")[1].decode(), "setups": len(setups)}


def nothing_imported() -> bool:
    """Runs in a child: whether Django has been imported by all that this module needs."""
    close_connections()
    return any(name.partition(".")[0] == "django" for name in sys.modules)


@cache
def _debug_report() -> dict[str, Any]:
    data = _commands_report()["data"]
    environ = {"EXAMPLE_DATA": data, "EXAMPLE_DEBUG": "1"}
    return {"data": data, **in_child(example_in_debug, environ=environ)}


@cache
def _commands_report() -> dict[str, Any]:
    data = mkdtemp(dir=os.getcwd())
    return {"data": data, **in_child(example_with_commands, data, environ={"EXAMPLE_DATA": data})}


@cache
def _broken_report() -> dict[str, Any]:
    root = mkdtemp(dir=os.getcwd())
    return {"root": root, **in_child(broken_projects, root)}


class LoadTests(UnitTestCase):
    def test_the_application_answers(self) -> None:
        self.assertEqual(_debug_report()["hello"], "Hello, world!")

    def test_django_is_set_up_once(self) -> None:
        self.assertEqual(_debug_report()["setups"], 1)

    def test_the_settings_are_in_the_environment_and_the_project_is_first_on_the_path(self) -> None:
        self.assertEqual(_debug_report()["settings"], "example.settings")
        self.assertEqual(_debug_report()["path"], _EXAMPLE)

    def test_views_are_imported_before_the_first_request(self) -> None:
        self.assertTrue(_debug_report()["urls imported"])

    def test_with_debug_static_files_come_from_the_apps(self) -> None:
        data = _debug_report()["data"]
        self.assertTrue(_debug_report()["debug"])
        self.assertEqual(
            _debug_report()["mounts"],
            [["/static/", None, True, False], ["/media/", f"{data}/media", False, True]],
        )
        self.assertEqual(_debug_report()["css"], f"{_EXAMPLE}/pages/static/pages/site.css")

    def test_logging_is_left_to_django(self) -> None:
        self.assertEqual(_debug_report()["root log"], 0)

    def test_a_persistent_connection_of_a_thread_is_closed_by_its_last_act(self) -> None:
        self.assertEqual(_debug_report()["thread"], ["200 OK", True, False])

    def test_startup_commands_run_before_it_is_loaded(self) -> None:
        report = _commands_report()
        self.assertEqual((report["status"], report["debug"]), ("200 OK", False))
        self.assertIn("  Applying pages.0002_articles... OK", report["lines"])
        self.assertTrue(report["collected"])

    def test_without_debug_files_come_from_the_roots(self) -> None:
        data = _commands_report()["data"]
        self.assertEqual(_commands_report()["mounts"], [["/static/", f"{data}/static"], ["/media/", f"{data}/media"]])

    def test_what_the_caller_has_configured_is_served_and_not_set_up_again(self) -> None:
        self.assertEqual(in_child(configured_by_the_caller), {"kind": "configured", "body": "mine", "setups": 0})

    def test_django_is_not_imported_before_it_is_needed(self) -> None:
        self.assertFalse(in_child(nothing_imported))


class BrokenProjectTests(UnitTestCase):
    def setUp(self) -> None:
        self.report = _broken_report()
        self.root = self.report["root"]

    def says(self, case: str, message: str, cause: str) -> None:
        self.assertEqual(self.report[case], [message, cause])

    def test_a_settings_module_that_is_not_there_is_named_with_where_it_was_looked_for(self) -> None:
        self.says(
            "no settings",
            "settings module nowhere.settings (from --django-settings) not found: no 'nowhere' in "
            f"{self.root} or in the Python at {sys.prefix}.",
            "ModuleNotFoundError",
        )
        self.assertIn("no 'inner.settings' in", self.report["no inner settings"][0])

    def test_a_module_that_the_settings_need_is_named_with_the_line(self) -> None:
        self.says(
            "import",
            "settings module needs: no module named 'duck_tx_no_such', at needs.py line 1 "
            f"(looked in {self.root} and in the Python at {sys.prefix}).",
            "ModuleNotFoundError",
        )

    def test_a_syntax_error_in_the_settings_is_told_with_file_and_line(self) -> None:
        self.says("syntax", "settings module broken: broken.py line 2: invalid syntax.", "SyntaxError")

    def test_an_exception_in_the_settings_is_told_with_the_line(self) -> None:
        self.says("key", "settings module key: KeyError: 'DUCK_NO_SUCH', at key.py line 2.", "KeyError")

    def test_improperly_configured_speaks_for_itself(self) -> None:
        self.says("improper", "settings module improper: Set it, at improper.py line 2.", "ImproperlyConfigured")

    def test_a_wsgi_module_that_is_not_there_is_named(self) -> None:
        self.assertIn("--wsgi nowhere.wsgi:application: no module named 'nowhere'", self.report["no wsgi"][0])

    def test_a_name_that_the_module_lacks_is_named_with_its_file(self) -> None:
        self.says("no name", f"--wsgi web:app: no 'app' in {self.root}/web.py.", "AttributeError")

    def test_what_cannot_be_called_is_no_application(self) -> None:
        self.says(
            "no function",
            "--wsgi web:application: 'application' is a str, which cannot be called.",
            "NoneType",
        )

    def test_an_application_for_asgi_is_none_for_wsgi(self) -> None:
        self.assertEqual(
            self.report["wrong kind"][0],
            "--wsgi web:asgi is no WSGI application: it cannot be called with an environment and start_response. One"
            " for ASGI is named with --asgi.",
        )

    def test_one_that_does_not_tell_what_it_takes_is_believed(self) -> None:
        self.assertIn("Riddle object", self.report["riddle"][0])

    def test_an_application_that_is_not_django_is_served_without_files(self) -> None:
        application, mounts, debug = self.report["plain"]
        self.assertIn("function plain", application)
        self.assertEqual((mounts, debug), ("()", "False"))

    def test_startup_commands_without_django_are_refused(self) -> None:
        self.assertIn("startup commands need Django", self.report["plain commands"][0])

    def test_views_that_cannot_be_imported_stop_the_start(self) -> None:
        message, cause = self.report["urls"]
        self.assertTrue(
            message.startswith("ROOT_URLCONF urls: no module named 'duck_tx_no_such', at urls.py line 2"),
            message,
        )
        self.assertEqual(cause, "ModuleNotFoundError")

    def test_one_process_cannot_change_to_other_settings(self) -> None:
        self.assertIn("already configured in this process (site_urls)", self.report["other settings"][0])

    def test_an_app_that_is_not_there_is_named(self) -> None:
        message, cause = in_child(broken_app, mkdtemp(dir=os.getcwd()))
        self.assertTrue(message.startswith("Django's setup: no module named 'duck_tx_no_such' (looked in"), message)
        self.assertEqual(cause, "ModuleNotFoundError")
