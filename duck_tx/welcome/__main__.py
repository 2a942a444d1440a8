"""The management commands of the welcome project, such as ``python -m duck_tx.welcome createsuperuser``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command in ``sys.argv``."""
    from django.core.management import execute_from_command_line

    from duck_tx.welcome import SETTINGS_MODULE

    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_MODULE
    execute_from_command_line(["python -m duck_tx.welcome", *sys.argv[1:]])


if __name__ == "__main__":
    main()
