from __future__ import annotations

import os
import re
import sqlite3
import stat
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from duck_tx.errors import ApplicationError
from duck_tx.gateway.django import load
from duck_tx.gateway.project import locate
from duck_tx.welcome import SETTINGS_MODULE, facts, prepare, state
from tests.case import UnitTestCase
from tests.unit.child import in_child


class PrepareTests(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        for name in (state.DIRECTORY_VARIABLE, state.HOSTS_VARIABLE):
            self.addCleanup(self._restore, name, os.environ.get(name))

    def _restore(self, name: str, value: str | None) -> None:
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value

    def test_a_new_database_has_to_be_migrated(self) -> None:
        self.assertEqual(prepare(self.directory), ["migrate --verbosity 0"])

    def test_a_database_with_the_stamp_of_this_version_is_left_alone(self) -> None:
        prepare(self.directory)
        with sqlite3.connect(state.database(self.directory)) as connection:
            connection.execute(f"PRAGMA user_version = {state.stamp()}")
        connection.close()
        self.assertEqual(prepare(self.directory), [])

    def test_a_database_of_another_version_has_to_be_migrated(self) -> None:
        prepare(self.directory)
        with sqlite3.connect(state.database(self.directory)) as connection:
            connection.execute(f"PRAGMA user_version = {state.stamp() ^ 1}")
        connection.close()
        self.assertEqual(prepare(self.directory), ["migrate --verbosity 0"])

    def test_what_it_keeps_is_for_its_owner_only(self) -> None:
        prepare(self.directory)
        paths = [self.directory, *self.directory.iterdir()]
        self.assertEqual(
            {path.name: stat.S_IMODE(path.stat().st_mode) for path in paths},
            {self.directory.name: 0o700, "welcome.key": 0o600, "welcome.sqlite3": 0o600},
        )

    def test_the_secret_key_is_drawn_once_and_differs_between_directories(self) -> None:
        prepare(self.directory)
        key = state.secret_key(self.directory)
        prepare(self.directory)
        self.assertEqual(state.secret_key(self.directory), key)
        self.assertTrue(len(key) >= 50, key)
        self.assertNotEqual(state.secret_key(Path(self.mktemp())), key)

    def test_a_place_that_cannot_be_written_is_named_in_one_line(self) -> None:
        self.directory.parent.joinpath("file").touch()
        place = self.directory.parent / "file" / "below"
        error = self.assertRaises(ApplicationError, prepare, place)
        self.assertEqual(
            str(error),
            f"the welcome project cannot keep its data in {place}: Not a directory. "
            "Choose another place with --state-dir.",
        )

    def test_a_file_that_is_no_database_is_an_error_of_one_line(self) -> None:
        self.directory.mkdir()
        state.database(self.directory).write_text("something else, longer than a header of SQLite\n" * 9)
        error = self.assertRaises(ApplicationError, prepare, self.directory)
        self.assertIn("not a database", str(error))

    def test_only_this_machine_and_the_given_hosts_are_allowed(self) -> None:
        prepare(self.directory, ["duck.example", "2001:db8::1", "0.0.0.0", "::", ""])
        allowed = state.allowed_hosts()
        for host in (".localhost", "127.0.0.1", "[::1]", "duck.example", "[2001:db8::1]"):
            self.assertIn(host, allowed)
        self.assertEqual({"*", "", "0.0.0.0", "[::]", "::"} & set(allowed), set())


class FactsTests(UnitTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", dict(os.environ))
        os.environ.pop(state.DIRECTORY_VARIABLE, None)

    def test_the_way_of_a_request_is_told_from_its_environment(self) -> None:
        meta = {"REMOTE_ADDR": "2001:db8::1", "wsgi.url_scheme": "https", "HTTP_X_REQUEST_ID": "r-7"}
        told = {fact.name: fact.value for stop in facts.way(meta) for fact in stop.facts}
        self.assertEqual(told, {"Address": "2001:db8::1", "Scheme": "https", "Request id": "r-7"})

    def test_a_page_made_on_the_reactor_says_so(self) -> None:
        self.assertEqual([stop.name for stop in facts.way({})], ["You", "The wire", "The reactor", "Django"])

    def test_the_command_for_an_account_names_a_place_that_is_not_the_default(self) -> None:
        local = {"REMOTE_ADDR": "127.0.0.1"}
        usual = "python -m duck_tx.welcome createsuperuser"
        self.assertEqual(facts.superuser_command(local), usual)
        os.environ[state.DIRECTORY_VARIABLE] = "/srv/pond"
        self.assertEqual(facts.superuser_command(local), f"DUCK_WELCOME_DIR=/srv/pond {usual}")

    def test_a_visitor_from_elsewhere_learns_no_path(self) -> None:
        os.environ[state.DIRECTORY_VARIABLE] = "/srv/pond"
        for address in ("192.0.2.1", "2001:db8::1", ""):
            self.assertNotIn("/srv", facts.superuser_command({"REMOTE_ADDR": address}))

    def test_every_part_is_there_with_its_version(self) -> None:
        self.assertEqual(
            [fact.name for fact in facts.versions() if re.match(r"\d+\.\d+", fact.value)],
            ["duck_tx", "Twisted", "Django", "Python", "SQLite"],
        )


def visit(directory: str) -> dict[str, Any]:
    """Runs in a child: the first start, and a visitor who signs the guest book and opens the admin."""
    commands = prepare(directory, ["duck.example"])
    loaded = load(locate(directory=directory, environ={}, fallback=SETTINGS_MODULE), commands=commands)
    finder = loaded.mounts[0].finder
    assert finder is not None

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    User.objects.create_superuser("ada", password="a long enough password")
    client = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    first = client.get("/")
    page = first.content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    entry = {"name": "Grace <i>", "message": "a moth & a relay", "csrfmiddlewaretoken": token}
    unsigned = client.post("/guestbook", {"name": "x", "message": "y"}).status_code
    signed = client.post("/guestbook", entry, follow=True)
    invalid = client.post("/guestbook", entry | {"name": " "})
    assets = re.findall(r'(?:href|src)="/static/([^"]+)"', page)
    admin = Client(headers={"host": "duck.example"})
    admin.login(username="ada", password="a long enough password")
    after = prepare(directory)
    report = {
        "commands": commands,
        "after": after,
        "first": first.status_code,
        "no session yet": "duck_welcome_session" not in first.cookies,
        "elsewhere": re.findall(r'(?:src|href)="(?:https?:)?//[^"]*', page),
        "assets": {name: bool(finder(name)) for name in [*assets, "admin/css/base.css"]},
        "fallback": client.get("/static/welcome/welcome.css").status_code,
        "unsigned": unsigned,
        "signed": [url for url, _ in signed.redirect_chain],
        "page": signed.content.decode(),
        "invalid": [invalid.status_code, "This field is required." in invalid.content.decode()],
        "get form": client.get("/guestbook").status_code,
        "admin": [admin.get("/admin/").status_code, client.get("/admin/").status_code],
        "foreign": _foreign(client),
        "mounts": [mount.prefix.decode() for mount in loaded.mounts],
        "debug": loaded.debug,
    }
    call_command("migrate", "guestbook", "zero", verbosity=0)
    return report | {"undone": prepare(directory)}


def _foreign(client: Any) -> list[Any]:
    names = ("evil.example", "$(reboot)")
    answers = [client.get("/", headers={"host": name}) for name in names]
    return [[answer.status_code, "--domain evil.example" in answer.content.decode()] for answer in answers]


def kept_entries(directory: str) -> list[str]:
    """Runs in a child: the guest book holds no more than it should, the newest."""
    load(locate(environ={}, fallback=SETTINGS_MODULE, directory=directory), commands=prepare(directory))
    from duck_tx.welcome.guestbook import models

    models.KEPT = 3
    for number in range(5):
        models.Entry.objects.create(name=str(number), message="m")
    models.forget_oldest()
    return [entry.name for entry in models.Entry.objects.all()]


@cache
def _report() -> dict[str, Any]:
    report: dict[str, Any] = in_child(visit, mkdtemp(dir=os.getcwd()))
    return report


class WelcomeTests(UnitTestCase):
    def test_it_is_migrated_at_the_first_start_and_not_again(self) -> None:
        self.assertEqual(_report()["commands"], ["migrate --verbosity 0"])
        self.assertEqual(_report()["after"], [])

    def test_a_migration_that_was_undone_is_noticed(self) -> None:
        self.assertEqual(_report()["undone"], ["migrate --verbosity 0"])

    def test_the_page_needs_no_other_site(self) -> None:
        self.assertEqual(_report()["first"], 200)
        self.assertEqual(_report()["elsewhere"], [])

    def test_its_files_and_those_of_the_admin_are_found_without_collectstatic(self) -> None:
        assets = _report()["assets"]
        self.assertIn("welcome/welcome.css", assets)
        self.assertEqual([name for name, found in assets.items() if not found], [])
        self.assertEqual((_report()["mounts"], _report()["debug"]), (["/static/"], False))

    def test_its_files_are_there_without_a_mount_too(self) -> None:
        self.assertEqual(_report()["fallback"], 200)

    def test_looking_writes_no_session(self) -> None:
        self.assertTrue(_report()["no session yet"])

    def test_signing_needs_the_token(self) -> None:
        self.assertEqual(_report()["unsigned"], 403)

    def test_a_signature_is_shown_escaped_and_remembered(self) -> None:
        self.assertEqual(_report()["signed"], ["/#guestbook"])
        page = _report()["page"]
        self.assertIn("Grace &lt;i&gt; <small>you</small>", page)
        self.assertIn("a moth &amp; a relay", page)
        self.assertIn('value="Grace &lt;i&gt;"', page)
        self.assertNotIn("Grace <i>", page)

    def test_what_is_wrong_with_an_entry_is_said_beside_the_field(self) -> None:
        self.assertEqual(_report()["invalid"], [422, True])

    def test_the_form_cannot_be_got(self) -> None:
        self.assertEqual(_report()["get form"], 405)

    def test_the_admin_is_for_those_who_are_logged_in(self) -> None:
        self.assertEqual(_report()["admin"], [200, 302])

    def test_a_foreign_name_is_refused_and_the_way_out_is_told(self) -> None:
        self.assertEqual(_report()["foreign"], [[400, True], [400, False]])

    def test_the_guest_book_forgets_the_oldest(self) -> None:
        self.assertEqual(in_child(kept_entries, mkdtemp(dir=os.getcwd())), ["4", "3", "2"])
