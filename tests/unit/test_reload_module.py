"""The files that a server is made of, and those that may mend it."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType, SimpleNamespace

import duck_tx
from duck_tx.reload.module import chain, failed_files, forget_compiled, is_below, module_files, others, python_files
from tests.case import UnitTestCase


class ModuleTests(UnitTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute().resolve()
        self.root.mkdir()

    def file(self, name: str, text: str = "") -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def module(self, file: object) -> ModuleType:
        module = ModuleType("m")
        module.__file__ = file  # type: ignore[assignment]
        return module

    def test_modules_are_their_source_files(self) -> None:
        path = self.file("a.py")
        modules = [self.module(path), self.module(cache_from_source(path)), self.module(None), None, SimpleNamespace()]
        self.assertEqual(module_files(modules, []), {path})

    def test_what_answers_to_anything_is_no_module(self) -> None:
        class Odd:
            def __getattr__(self, name: str) -> object:
                raise RuntimeError

        self.assertEqual(module_files([Odd()], []), set())

    def test_what_nobody_edits_is_left_out(self) -> None:
        self.assertEqual(module_files([os, duck_tx, importlib], others()), set())

    def test_a_link_does_not_lead_out_of_what_is_excluded(self) -> None:
        inside = self.file("lib/a.py")
        link = self.root / "link.py"
        link.symlink_to(inside)
        excluded = [str(self.root / "lib")]
        self.assertTrue(is_below(inside, excluded))
        self.assertTrue(is_below(str(link), excluded))
        self.assertFalse(is_below(str(self.root / "library" / "a.py"), excluded))

    def failure(self, name: str, text: str) -> BaseException:
        self.file(f"{name}.py", text)
        sys.path.insert(0, str(self.root))
        self.addCleanup(sys.path.remove, str(self.root))
        self.addCleanup(sys.modules.pop, name, None)
        try:
            importlib.import_module(name)
        except Exception as error:
            return error
        raise AssertionError("that could be imported")

    def failed(self, name: str, text: str) -> set[str]:
        found = failed_files(self.failure(name, text), [str(self.root)], others())
        return {os.path.relpath(path, self.root) for path in found if is_below(path, [str(self.root)])}

    def test_a_syntax_error_is_mended_in_its_file(self) -> None:
        self.assertEqual(self.failed("rm_syntax", "def f(:\n"), {"rm_syntax.py"})

    def test_a_module_that_is_missing_may_come(self) -> None:
        found = self.failed("rm_missing", "import rm_nowhere.sub")
        self.assertEqual(found, {"rm_missing.py", "rm_nowhere.py", "rm_nowhere/__init__.py"})

    def test_what_caused_an_error_counts(self) -> None:
        self.file("rm_low.py", "1 / 0")
        self.addCleanup(sys.modules.pop, "rm_low", None)
        text = "try:\n    import rm_low\nexcept Exception as error:\n    raise ValueError from error\n"
        self.assertEqual(self.failed("rm_high", text), {"rm_low.py", "rm_high.py"})

    def test_a_circle_of_causes_ends(self) -> None:
        first, second = ValueError(), KeyError()
        first.__cause__, second.__cause__ = second, first
        self.assertEqual(list(chain(first)), [first, second])

    def test_a_project_has_python_files_that_nobody_imports(self) -> None:
        root = self.mktemp()
        names = ["manage.py", "site/views.py", ".git/a.py", "env/pyvenv.cfg", "env/lib/b.py", "node_modules/c.py"]
        inner = ["apps/shop/__init__.py", "apps/shop/models.py", "apps/shop/admin/__init__.py"]
        for name in [*names, *inner, "site/__pycache__/d.py", "site/page.html", "site/deep/e.py"]:
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w"):
                pass
        self.assertEqual(python_files(root), {os.path.join(root, name) for name in names[:2] + inner})
        self.assertEqual(python_files(os.path.join(root, "none")), set())

    def test_a_place_with_ever_so_many_packages_takes_some_watches(self) -> None:
        root = self.mktemp()
        for number in range(60):
            os.makedirs(os.path.join(root, "a", str(number), "b"))
            for name in ("__init__.py", "b/__init__.py"):
                with open(os.path.join(root, "a", str(number), name), "w"):
                    pass
        found = python_files(root)
        self.assertEqual(len({os.path.relpath(path, root).split(os.sep)[1] for path in found}), 40)
        self.assertEqual(len(found), 80)

    def test_what_is_compiled_is_forgotten(self) -> None:
        path = self.file("a.py")
        compiled = Path(cache_from_source(path))
        compiled.parent.mkdir()
        compiled.write_bytes(b"")
        forget_compiled([path, str(self.root / "b.py"), str(self.root / "c.toml")])
        self.assertFalse(compiled.exists())
