"""The welcome project: a real Django project that is served where no other is found.

``python -m duck_tx.welcome`` is its ``manage.py``.
"""

from __future__ import annotations

from duck_tx.welcome.state import SETTINGS_MODULE, prepare

__all__ = ["SETTINGS_MODULE", "prepare"]
