"""What the errors carry and how they read."""

from __future__ import annotations

import pickle

from duck_tx.errors import ApplicationError, AutomationError, PortError, SettingsError
from tests.case import UnitTestCase


class ErrorTests(UnitTestCase):
    def test_all_errors_are_application_errors(self) -> None:
        for kind in (AutomationError, SettingsError, PortError):
            self.assertTrue(issubclass(kind, ApplicationError))

    def test_the_message_of_an_error_is_its_text(self) -> None:
        self.assertEqual(str(PortError("port 80 is taken")), "port 80 is taken")

    def test_a_settings_error_tells_every_problem_on_a_line_of_its_own(self) -> None:
        error = SettingsError(["one", "two"])
        self.assertEqual(error.problems, ("one", "two"))
        self.assertEqual(str(error), "one\ntwo")

    def test_a_single_problem_may_be_given_as_text(self) -> None:
        self.assertEqual(SettingsError("one").problems, ("one",))

    def test_an_automation_error_tells_every_problem_too(self) -> None:
        error = AutomationError(["one", "two"])
        self.assertEqual((error.problems, str(error)), (("one", "two"), "one\ntwo"))
        self.assertRaises(ValueError, AutomationError, [])

    def test_a_settings_error_without_a_problem_is_refused(self) -> None:
        self.assertRaises(ValueError, SettingsError, [])

    def test_a_settings_error_survives_pickling(self) -> None:
        copy = pickle.loads(pickle.dumps(SettingsError(["one", "two"])))
        self.assertEqual(copy.problems, ("one", "two"))
