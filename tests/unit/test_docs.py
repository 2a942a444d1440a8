"""The pages say what is so: each setting, option, variable and file that they name exists, and what they show loads."""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import shlex
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from duck_tx.app import App
from duck_tx.settings import load
from duck_tx.settings.fields import FIELDS, ROOT
from duck_tx.tap import Options
from tests.case import UnitTestCase

_HERE = Path(__file__).resolve().parents[2]
_DOCS = _HERE / "docs"
_EXAMPLES = _HERE / "examples"
_PAGES = (_HERE / "README.md", *sorted(_DOCS.glob("*.md")))
_SECTIONS = "|".join(section.key for section in ROOT.walk() if section.key)
_SIZES = {"KiB": 1024, "MiB": 1024**2}


def _blocks(text: str, *languages: str) -> Iterator[str]:
    """The code blocks in these languages, without the indentation of a list that they stand in."""
    for indent, language, code in re.findall(r"(?ms)^( *)```(\w+)\n(.*?)^\1```$", text):
        if language in languages:
            yield textwrap.dedent(code) if indent else code


def _spans(text: str) -> list[str]:
    """What stands between single backticks, outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^ *```.*?^ *```$", "", text))


def _rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its first row."""
    below = text.split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?m)(?:^\|.*\n)+", below)
    assert table is not None, heading
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def _slugs(text: str) -> set[str]:
    """The anchors of a page's headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.+)$", text)
    }


def _settings_page() -> str:
    """The page of the settings as Sphinx sees it."""
    source = [(_DOCS / "settings.md").read_text()]
    runpy.run_path(str(_DOCS / "conf.py"))["insert_reference"](None, "settings", source)
    return source[0]


def _instructions() -> list[str]:
    """The Dockerfile's instructions, each on one line."""
    lines = (_EXAMPLES / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class _OptionsOnly(Options):
    """The command's options, taken apart without reading any settings."""

    def postOptions(self) -> None:
        """Nothing follows."""


class DocsTests(UnitTestCase):
    def test_reference_has_every_setting(self) -> None:
        page = _settings_page()
        for section in ROOT.walk():
            for field in section.fields.values():
                self.assertIn(f"\n## `{section.key or field.key}`\n", page)
                self.assertRegex(page, rf"(?m)^\| `{field.name}` \|.*`{field.environment}`")

    def test_page_of_the_settings_has_every_option_of_the_command(self) -> None:
        page = _settings_page()
        options = _OptionsOnly()
        for name in options.longOpt:
            self.assertRegex(page, rf"`--{name.rstrip('=')}\b")
        for letter in options.shortOpt.replace(":", ""):
            self.assertRegex(page, rf"`-{letter}`")

    def test_every_piece_of_toml_is_accepted(self) -> None:
        pieces = [piece for page in _PAGES for piece in _blocks(page.read_text(), "toml")]
        self.assertTrue(pieces)
        for piece in [*pieces, (_EXAMPLES / "duck.toml").read_text()]:
            with tempfile.TemporaryDirectory() as directory:
                name = "pyproject.toml" if "[tool.duck" in piece else "duck.toml"
                Path(directory, name).write_text(piece)
                loaded = load(directory=Path(directory), environ={}, options={})
            self.assertIn(name, " ".join(loaded.sources.values()))

    def test_every_piece_of_python_is_python(self) -> None:
        pieces = [piece for page in _PAGES for piece in _blocks(page.read_text(), "python")]
        self.assertTrue(pieces)
        for piece in [*pieces, *(path.read_text() for path in _EXAMPLES.glob("*.tac"))]:
            ast.parse(piece)

    def test_every_command_is_understood(self) -> None:
        commands = re.findall(r"(?m)^ExecStart=(.*)", (_EXAMPLES / "duck.service").read_text())
        for page in _PAGES:
            text = page.read_text()
            shown = [
                *_spans(text),
                *(line for block in _blocks(text, "console", "text") for line in block.splitlines()),
            ]
            commands += [line for line in shown if re.search(r"\b(?:twistd?\b.* duck|python -m duck_tx)(?: |$)", line)]
        self.assertGreater(len(commands), 10)
        for command in commands:
            arguments = re.split(r" duck(?:_tx)?(?= |$)", command, maxsplit=1)[1]
            words = [word for word in shlex.split(arguments) if word not in ("--help", "--version")]
            _OptionsOnly().parseOptions(words)

    def test_every_setting_named_exists(self) -> None:
        for page in _PAGES:
            for span in _spans(page.read_text()):
                for key in re.findall(rf"^((?:{_SECTIONS})\.(?!(?:py|lock)$)[a-z_]+)(?: = .*)?$", span):
                    self.assertIn(key, FIELDS, page.name)

    def test_every_variable_named_exists(self) -> None:
        known = {field.environment for field in FIELDS.values()}
        for path in (*_PAGES, *(each for each in _EXAMPLES.iterdir() if each.is_file())):
            for name in re.findall(r"DUCK_[A-Z]+__[A-Z_]*[A-Z]", path.read_text()):
                self.assertIn(name, known, path.name)

    def test_every_link_leads_somewhere(self) -> None:
        for page in (*_PAGES, _HERE / "CONTRIBUTING.md", _HERE / "CHANGELOG.md"):
            text = page.read_text()
            for link in re.findall(r"\]\(([^)]+)\)|^```\{(?:literal)?include\} (.+)$", text, re.MULTILINE):
                target, _, anchor = "".join(link).partition("#")
                if target.startswith("https:"):
                    continue
                path = page.parent / target if target else page
                self.assertTrue(path.exists(), f"{page.name}: {target}")
                if anchor:
                    self.assertIn(anchor, _slugs(path.read_text()), page.name)

    def test_every_file_named_exists(self) -> None:
        folders = "|".join(path.name for path in _HERE.iterdir() if path.is_dir() and path.name[0] not in "._")
        for page in _PAGES:
            for name in re.findall(rf"(?m)\b(?:{folders})/[\w./-]*\w", "\n".join(_spans(page.read_text()))):
                self.assertTrue((_HERE / name).exists(), f"{page.name}: {name}")

    def test_defaults_in_the_table_of_limits_are_those_of_the_settings(self) -> None:
        rows = _rows((_DOCS / "deploying.md").read_text(), "## Limits and deadlines")
        for settings, defaults, _ in rows:
            keys, values = _spans(settings), defaults.split(", ")
            for key, value in zip(keys, values, strict=True):
                number, _, unit = value.partition(" ")
                default = 0 if number == "off" else int(number) * _SIZES.get(unit, 1)
                self.assertEqual((key, FIELDS[key].default), (key, default))

    def test_every_argument_of_the_app_is_described_with_its_default(self) -> None:
        described: dict[str, object] = {}
        for names, defaults, _ in _rows((_DOCS / "coming-from-duck.md").read_text(), "## Arguments of `App`"):
            values = [ast.literal_eval(value) for value in _spans(defaults)]
            described |= zip(_spans(names), values * (1 if len(values) > 1 else 99), strict=False)
        actual = {name: each.default for name, each in inspect.signature(App).parameters.items()}
        self.assertEqual(described, actual)

    def test_every_member_of_the_app_is_described(self) -> None:
        rows = _rows((_DOCS / "coming-from-duck.md").read_text(), "## Members of `App`")
        described = {span.partition("(")[0] for names, _ in rows for span in _spans(names)}
        made = set(re.findall(r"self\.([a-z]\w*)(?:: [^=]+)? = ", inspect.getsource(App)))
        self.assertEqual(described, made | {name for name in dir(App) if not name.startswith("_")})

    def test_container_is_started_with_settings_and_options_that_exist(self) -> None:
        environ = dict(
            pair.split("=", 1) for line in _instructions() if line.startswith("ENV ") for pair in line[4:].split()
        )
        with tempfile.TemporaryDirectory() as directory:
            loaded = load(directory=Path(directory), environ=environ, options={})
        self.assertEqual(loaded.settings.server.addr, "0.0.0.0")
        [command] = [json.loads(line[4:]) for line in _instructions() if line.startswith("CMD ")]
        self.assertEqual(command[:4], ["twistd", "-n", "--pidfile=", "duck"])
        _OptionsOnly().parseOptions(command[4:])

    def test_check_of_the_container_is_python_and_asks_the_port_that_is_served(self) -> None:
        [check] = [line for line in _instructions() if line.startswith("HEALTHCHECK ")]
        python, option, code = json.loads(check.partition(" CMD ")[2])
        self.assertEqual((python, option), ("python", "-c"))
        ast.parse(code)
        [port] = re.findall(r"DUCK_SERVER__PORT=(\d+)", "\n".join(_instructions()))
        self.assertIn(f"'127.0.0.1', {port}", code)
