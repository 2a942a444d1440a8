"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

from duck_tx import __version__

project = "duck_tx"
author = "duck_tx contributors"
project_copyright = "duck_tx contributors"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"duck_tx {release}"
