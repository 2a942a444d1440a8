"""``python -m duck_tx.cli`` is ``duckctl``."""

from __future__ import annotations

import sys

from duck_tx.cli import main

if __name__ == "__main__":
    sys.exit(main())
