"""What Django watches, asked of a Django in a process of its own: this one must stay free of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from duck_tx.reload.django import handled, static_name, watched
from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT

_ASK = """
import json, sys
from pathlib import Path
from django.conf import settings
root = sys.argv[1]
settings.configure(
    INSTALLED_APPS=["django.contrib.staticfiles", "django.contrib.contenttypes", "django.contrib.auth"],
    STATICFILES_DIRS=[root + "/assets", ("named", root + "/more")],
    STATIC_URL="static/",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [root + "/templates"]}],
)
from duck_tx.reload.django import handled, watched
before = watched()
import django; django.setup()
from django.template.loader import get_template
found = watched()
page = Path(root, "templates", "page.html")
page.write_text("one")
texts = [get_template("page.html").render()]
page.write_text("two")
texts.append(get_template("page.html").render())
answers = [handled(str(page)), handled(root + "/x.py")]
texts.append(get_template("page.html").render())
print(json.dumps([sorted(before.folders), sorted(found.folders), list(found.static), texts, answers]))
"""


class DjangoTests(UnitTestCase):
    def test_templates_and_static_files_are_found_and_templates_are_read_anew(self) -> None:
        root = Path(self.mktemp()).absolute()
        for name in ("templates", "assets", "more"):
            (root / name).mkdir(parents=True)
        done = subprocess.run(
            [sys.executable, "-c", _ASK, str(root)], env={"PYTHONPATH": str(CHECKOUT)}, capture_output=True, timeout=60
        )
        self.assertEqual(done.stderr.decode(), "")
        before, found, static, texts, answers = json.loads(done.stdout)
        self.assertEqual(before, [])
        self.assertIn(str(root / "templates"), found)
        self.assertEqual(
            [path for path in static if path.startswith(str(root))], [str(root / "assets"), str(root / "more")]
        )
        self.assertEqual(texts, ["one", "one", "two"])
        self.assertEqual(answers, [True, False])

    def test_without_django_there_is_nothing(self) -> None:
        if "django.conf" not in sys.modules:
            self.assertEqual(watched().folders, {})
            self.assertFalse(handled("/a.html"))

    def test_a_static_file_is_called_by_its_path_below_its_folder(self) -> None:
        self.assertEqual(static_name("/a/static/css/x.css", ["/b", "/a/static"]), "css/x.css")
        self.assertIsNone(static_name("/a/statics/x.css", ["/a/static"]))
