"""The command line: options, help, and what is refused."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.logger import LogLevel
from twisted.plugin import getPlugins

from duck_tx import tap
from duck_tx.settings import OPTIONS
from duck_tx.tap import Options, makeService
from tests.case import UnitTestCase


class _Case(UnitTestCase):
    def setUp(self) -> None:
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        directory = self.mktemp()
        os.mkdir(directory)
        os.chdir(directory)
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("DUCK_", "DJANGO_"))}
        self.patch(os, "environ", environ)
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def parsed(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(arguments)
        return options

    def refused(self, *arguments: str) -> list[str]:
        """The lines on standard error."""
        with self.assertRaises(SystemExit) as caught:
            self.parsed(*arguments)
        self.assertEqual((caught.exception.code, self.out.getvalue()), (1, ""))
        return self.err.getvalue().splitlines()


class OptionTests(_Case):
    def test_options_become_settings(self) -> None:
        settings = self.parsed("-a", "::", "-p", "81", "--ipv6", "--threads=0", "--no-access-log").loaded.settings
        self.assertEqual((settings.server.addr, settings.server.port), ("::", 81))
        self.assertTrue(settings.server.uses_ipv6)
        self.assertEqual((settings.gateway.threads, settings.log.access), (0, False))

    def test_what_may_be_repeated_adds_up_and_is_not_remembered(self) -> None:
        for _ in range(2):
            trusted = self.parsed("--trusted", "10.0.0.1", "--trusted", "unix").loaded.settings.proxy.trusted
            self.assertEqual(trusted, ("10.0.0.1", "unix"))
        self.assertEqual(self.parsed().loaded.settings.proxy.trusted, ())

    def test_another_file_can_be_read(self) -> None:
        with open("other.toml", "w") as file:
            file.write("[server]\nport = 82\n")
        self.assertEqual(self.parsed("-c", "other.toml").loaded.settings.server.port, 82)

    def test_the_settings_are_printed_and_nothing_else_is_done(self) -> None:
        with self.assertRaises(SystemExit) as caught:
            self.parsed("--print-settings", "-p", "83")
        self.assertEqual(caught.exception.code, 0)
        self.assertRegex(self.out.getvalue(), r"\nport +\S* *= 83 +# --port\n")


class RefusalTests(_Case):
    def test_an_unknown_option_is_a_line(self) -> None:
        self.assertEqual(self.refused("--prot", "1"), ["duck: option --prot not recognized. See --help."])

    def test_an_argument_that_is_no_option_is_a_line(self) -> None:
        self.assertEqual(self.refused("8000"), ["duck: '8000' is no option. See --help."])

    def test_all_wrong_settings_have_a_line_each(self) -> None:
        lines = self.refused("--port", "-1", "--threads", "x", "--log-format", "xml")
        self.assertEqual([line.split()[1] for line in lines], ["server.port", "gateway.threads", "log.format"])

    def test_a_file_that_is_not_there_is_a_line(self) -> None:
        self.assertEqual(len(self.refused("-c", "nowhere.toml")), 1)


class HelpTests(_Case):
    def test_every_option_is_explained_once(self) -> None:
        text = Options().getUsage(80)
        for option in OPTIONS:
            lines = [line for line in text.splitlines() if line[6:].split("  ")[0] == option.usage]
            self.assertEqual(len(lines), 1, option.name)
        self.assertIn("believed: addresses", " ".join(text.split()))
        self.assertIn("Repeatable.", text)

    def test_it_fits_any_width(self) -> None:
        for width in (60, 80, 132):
            lines = Options().getUsage(width).splitlines()
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertGreater(max(map(len, lines)), width - 15)

    def test_the_width_is_that_of_the_terminal(self) -> None:
        os.environ["COLUMNS"] = "70"
        self.assertEqual(Options().getUsage(), Options().getUsage(70))


class ServiceTests(_Case):
    def test_twistd_knows_the_command_without_loading_it(self) -> None:
        import twisted.plugins

        found = [plugin for plugin in getPlugins(IServiceMaker, twisted.plugins) if plugin.tapname == "duck"]
        self.assertEqual([getattr(plugin, "module", "") for plugin in found], ["duck_tx.tap"])

    def test_the_tree_is_made(self) -> None:
        service = makeService(self.parsed("--wsgi", "site.wsgi:application", "-p", "0"))
        self.assertEqual(service.getServiceNamed("server").running, 0)

    def test_a_project_that_is_not_there_is_a_line(self) -> None:
        options = self.parsed("--project", "nowhere")
        with self.assertRaises(SystemExit) as caught:
            makeService(options)
        self.assertEqual(caught.exception.code, 1)
        self.assertEqual(self.err.getvalue(), f"duck: --project {os.getcwd()}/nowhere does not exist.\n")

    def test_before_going_to_the_background_the_checks_are_made(self) -> None:
        options = self.parsed("--wsgi", "site.wsgi:application", "--state-dir", "/dev/null/x", "-p", "0")
        parent: Any = {"nodaemon": 0}
        options.parent = parent
        self.assertRaises(SystemExit, makeService, options)
        self.assertIn("duck: the state directory /dev/null/x cannot be made", self.err.getvalue())
        for parent in ({"nodaemon": 1}, {}, None):
            options.parent = parent
            makeService(options)

    def test_a_plugin_cache_that_cannot_be_written_is_nobody_s_business(self) -> None:
        event = {"format": "Unable to write to plugin cache %(path)s: error", "log_format": "x"}
        tap._hush_plugin_cache(event)
        self.assertEqual((event["log_format"], event["log_level"]), ("", LogLevel.debug))
        other = {"format": "Something else", "log_format": "x"}
        tap._hush_plugin_cache(other)
        self.assertEqual(other["log_format"], "x")
