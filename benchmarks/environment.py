"""The machine, the tools on it, and the environment of the peers."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import shutil
import ssl
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from OpenSSL import SSL

from benchmarks.project import ROOT

PEERS = Path(__file__).resolve().parent / "peers.txt"

#: Installed beside the peers in the versions that are in use here: else it would be these that are compared.
_SHARED = ("Django", "channels", "Twisted", "pyOpenSSL", "cryptography", "service-identity")

_NAMED = (
    "Django",
    "channels",
    "Twisted",
    "gunicorn",
    "granian",
    "waitress",
    "uvicorn",
    "websockets",
    "daphne",
    "hypercorn",
)


class MissingTool(Exception):
    """Something that the benchmarks need is not there."""


def cores() -> tuple[int, int]:
    """A core for the server and one for the load.

    :raises MissingTool: if this process may use only one.
    """
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise MissingTool("two cores are needed: one for the server, one for the load")
    return usable[0], usable[1]


def check_tools() -> None:
    """:raises MissingTool: if wrk or taskset is not installed."""
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise MissingTool(f"{tool} is not installed (Debian: apt install {package})")


def raise_file_limit(needed: int) -> None:
    """Let this process and those it starts open ``needed`` files.

    :raises MissingTool: if the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise MissingTool(f"{needed} open files are needed, the limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def requirements() -> str:
    """What the peers' environment holds, as a requirements file."""
    return PEERS.read_text() + "".join(f"{name}=={version(name)}\n" for name in _SHARED)


def peers(cache: Path = ROOT / ".benchmarks") -> Path:
    """The directory with the peers' programs; makes their environment when there is none that is right.

    :raises MissingTool: if they cannot be installed.
    """
    wanted = requirements()
    digest = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:12]
    home = cache / f"peers-{digest}"
    ready = home / "requirements.txt"
    if not ready.is_file():
        shutil.rmtree(home, ignore_errors=True)
        cache.mkdir(exist_ok=True)
        # So that no version control takes it up, wherever the cache is.
        (cache / ".gitignore").write_text("*\n")
        print(f"installing the peers into {home}", file=sys.stderr)
        venv.create(home, with_pip=True)
        listed = home / "wanted.txt"
        listed.write_text(wanted)
        done = subprocess.run([str(home / "bin" / "pip"), "install", "--quiet", "-r", str(listed)], check=False)
        if done.returncode:
            raise MissingTool(f"the peers could not be installed from {PEERS}")
        listed.rename(ready)
    return home / "bin"


def machine() -> dict[str, str]:
    """What the figures depend on, for the report."""
    pinned = dict(line.split("==") for line in requirements().splitlines() if "==" in line)
    versions = {name: pinned[name] for name in _NAMED}
    twisted_openssl = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    return {
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        # Twisted's, and that of the servers which use Python's ssl module.
        "OpenSSL": " / ".join(each.split()[1] for each in (twisted_openssl, ssl.OPENSSL_VERSION)),
        **versions,
        **({"nginx": nginx} if (nginx := nginx_version()) else {}),
    }


def nginx_program() -> str | None:
    """The path of nginx; None if it is not installed. Debian has it where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def nginx_version() -> str | None:
    """The version of nginx; None if it is not installed."""
    if (nginx := nginx_program()) is None:
        return None
    done = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("/")[2] or None


def processor(cpuinfo: Path) -> str:
    """The model name that Linux gives, or the architecture."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
