"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

from typing import Any

from duck_tx import __version__
from duck_tx.settings import as_markdown

project = "duck_tx"
author = "duck_tx contributors"
project_copyright = "duck_tx contributors"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Quotation marks become curly; the two dashes of an option stay two dashes.
smartquotes_action = "q"

exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"duck_tx {release}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]


def insert_reference(app: Any, page: str, source: list[str]) -> None:
    """Put the reference of all settings, made from the settings themselves, where the page asks for it."""
    source[0] = source[0].replace("<!-- reference -->", as_markdown())


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", insert_reference)
