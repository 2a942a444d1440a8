"""Runs a function in a Python of its own: for what is possible once in a process, as setting Django up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tests

ROOT = Path(tests.__file__).resolve().parent.parent

_CALL = "import json, sys; from {} import {} as f; print(json.dumps(f(*json.loads(sys.argv[1]))))"


def in_child(function: Callable[..., Any], *arguments: Any, environ: Mapping[str, str] | None = None) -> Any:
    """What ``function``, of a module's top level, returns there; everything has to be JSON.

    It finds no ``DJANGO_SETTINGS_MODULE``, and standard input is at its end.

    :raises AssertionError: with what it wrote on standard error, if it fails.
    """
    variables = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    variables |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
    code = _CALL.format(function.__module__, function.__name__)
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if run.returncode:
        raise AssertionError(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])
