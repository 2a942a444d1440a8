"""Which settings file is read, and what is said when it cannot be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from duck_tx.errors import SettingsError
from duck_tx.settings.file import find_file
from tests.case import UnitTestCase


class FindFileTests(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def problem(self, config: Path | None = None) -> str:
        with self.assertRaises(SettingsError) as caught:
            find_file(self.directory, config)
        return str(caught.exception)

    def test_no_file_is_no_settings(self) -> None:
        self.assertIsNone(find_file(self.directory))
        self.assertIsNone(find_file(self.directory / "missing"))

    def test_duck_toml_is_found(self) -> None:
        path = self.write("duck.toml", "[server]\nport = 1\n")
        found = find_file(self.directory)
        assert found is not None
        self.assertEqual((found.label, found.tree), (str(path), {"server": {"port": 1}}))

    def test_the_table_in_pyproject_is_found(self) -> None:
        path = self.write("pyproject.toml", "[tool.duck.server]\nport = 1\n")
        found = find_file(self.directory)
        assert found is not None
        self.assertEqual((found.label, found.tree), (f"{path} [tool.duck]", {"server": {"port": 1}}))

    def test_pyproject_without_our_table_is_none_of_ours(self) -> None:
        for content in ("", "[tool.black]\n", "[project]\nname = 'x'\n", "tool = 1\n"):
            self.write("pyproject.toml", content)
            self.assertIsNone(find_file(self.directory))

    def test_duck_toml_wins_over_pyproject(self) -> None:
        self.write("pyproject.toml", "[tool.duck.server]\nport = 1\n")
        self.write("duck.toml", "")
        found = find_file(self.directory)
        assert found is not None
        self.assertEqual(found.tree, {})

    def test_a_named_file_is_read_instead(self) -> None:
        self.write("duck.toml", "[server]\nport = 1\n")
        path = self.write("other.toml", "[server]\nport = 2\n")
        for config in (Path("other.toml"), path.resolve()):
            found = find_file(self.directory, config)
            assert found is not None
            self.assertEqual(found.tree, {"server": {"port": 2}})

    def test_pyproject_may_be_named(self) -> None:
        self.write("pyproject.toml", "[tool.duck.log]\naccess = false\n")
        found = find_file(self.directory, Path("pyproject.toml"))
        assert found is not None
        self.assertEqual(found.tree, {"log": {"access": False}})

    def test_a_named_file_has_to_exist(self) -> None:
        self.write("duck.toml", "")
        self.assertEqual(
            self.problem(Path("nope.toml")),
            f"{self.directory / 'nope.toml'} (--config): there is no such file; mend the path, or leave --config out",
        )

    def test_a_directory_is_not_a_file(self) -> None:
        (self.directory / "duck.toml").mkdir()
        self.assertIn(f"{self.directory / 'duck.toml'} cannot be read: {os.strerror(errno.EISDIR)}", self.problem())

    def test_our_table_in_pyproject_has_to_be_a_table(self) -> None:
        self.write("pyproject.toml", "[tool]\nduck = 1\n")
        self.assertIn("[tool.duck]: this has to be a table", self.problem())

    def test_broken_toml_is_told_by_line_and_column(self) -> None:
        path = self.write("duck.toml", "[server]\nport = 1\naddr == 2\n")
        self.assertIn(f"{path}, line 3, column 7: not TOML: Invalid value", self.problem())

    def test_toml_that_breaks_off_is_told_by_its_end(self) -> None:
        path = self.write("duck.toml", "[server]\naddr = [")
        self.assertIn(f"{path}, line 2, column 9: not TOML", self.problem())

    def test_another_encoding_is_told_by_line_and_column(self) -> None:
        path = self.write("duck.toml", b"# \xc3\xa9\n# \xc3\xa9 caf\xe9\n")
        self.assertEqual(self.problem(), f"{path}, line 2, column 8: not UTF-8; save the file in that encoding")

    def test_a_byte_order_mark_is_overlooked(self) -> None:
        self.write("duck.toml", b"\xef\xbb\xbf[server]\r\nport = 1\r\n")
        found = find_file(self.directory)
        assert found is not None
        self.assertEqual(found.tree, {"server": {"port": 1}})
