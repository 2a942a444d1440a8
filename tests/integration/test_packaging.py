"""What an installation adds to a Python environment, and what is left when it is taken away again.

Each test has a virtual environment of its own with a copy of Twisted in it: an installation shares the folder
``twisted/plugins`` with Twisted, so one beside Twisted would show nothing. The other dependencies are those
of the environment that runs the tests. Nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from email import message_from_bytes
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from tempfile import mkdtemp
from zipfile import ZipFile

import twisted

import duck_tx
from tests.case import UnitTestCase

_CHECKOUT = Path(duck_tx.__file__).parents[1]
_PACKAGED = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
_LEFT_BEHIND = ("__pycache__", "*.pyc", "dropin.cache", ".*")
_PLUGIN = "twisted/plugins/duck_tx_plugin.py"

_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
_TWISTD_STOPPED_AS_SOON_AS_IT_RUNS = (
    "from twisted.internet import reactor; reactor.callWhenRunning(reactor.stop); " + _TWISTD
)


def _run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """What ``command`` printed, on either stream; ``path`` is its PYTHONPATH.

    :raises AssertionError: if it failed, with what it printed.
    """
    environ = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")
    }
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def _files(folder: Path) -> set[str]:
    """The files below ``folder``, named from its parent, without what running or building leaves behind."""
    names = (path.relative_to(folder.parent) for path in folder.rglob("*") if path.is_file())
    return {
        name.as_posix()
        for name in names
        if not any(fnmatch(part, pattern) for part in name.parts for pattern in _LEFT_BEHIND)
    }


@dataclass(frozen=True, slots=True)
class _Built:
    source: Path
    wheel: Path


@cache
def _built() -> _Built:
    """A copy of what the package is made of, and the wheel made of it; once, in the folder where trial runs.

    A build leaves folders behind and takes in what an earlier one left, so none runs in the checkout itself.
    """
    base = Path(mkdtemp(prefix="packaging-", dir=Path.cwd()))
    source, wheels = base / "checkout", base / "wheels"
    source.mkdir()
    for name in _PACKAGED:
        (source / name).write_bytes((_CHECKOUT / name).read_bytes())
    for name in ("duck_tx", "twisted"):
        copytree(_CHECKOUT / name, source / name, ignore=ignore_patterns(*_LEFT_BEHIND))
    options = (
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        wheels,
    )
    _run(sys.executable, "-m", "pip", "wheel", *options, source, cwd=base)
    [wheel] = wheels.iterdir()
    return _Built(source, wheel)


class PackagingTests(UnitTestCase):
    def setUp(self) -> None:
        self.source, self.wheel = _built().source, _built().wheel
        self.work = Path(mkdtemp(prefix="environment-", dir=Path.cwd()))
        self.addCleanup(rmtree, self.work)
        environment = self.work / "environment"
        venv.create(environment, with_pip=False, symlinks=True)
        self.python = environment / "bin" / "python"
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
        copytree(
            Path(twisted.__file__).parent,
            self.site / "twisted",
            ignore=ignore_patterns("test", "dropin.cache"),
        )
        (self.site / "others.pth").write_text("\n".join(sysconfig.get_path(n) for n in ("purelib", "platlib")))

    def pip(self, *arguments: str | Path) -> str:
        options = ("--quiet", "--disable-pip-version-check")
        return _run(sys.executable, "-m", "pip", "--python", self.python, *options, *arguments, cwd=self.work)

    def install_wheel(self) -> None:
        self.pip("install", "--no-deps", "--no-index", self.wheel)

    def make_plugin_cache_unwritable(self) -> None:
        """Let Twisted fail to write its cache, as in an installation of others; root fails as well."""
        (self.site / "twisted" / "plugins" / "dropin.cache").mkdir()

    def twistd_help(self) -> str:
        return _run(self.python, "-P", "-c", _TWISTD, "--help", cwd=self.work)

    def test_wheel_holds_every_file_of_the_package_and_one_of_twisted(self) -> None:
        with ZipFile(self.wheel) as archive:
            packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        self.assertEqual(packed, _files(self.source / "duck_tx") | {_PLUGIN})

    def test_wheel_has_the_version_of_the_code_and_owns_no_twisted(self) -> None:
        with ZipFile(self.wheel) as archive:
            [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            fields = message_from_bytes(archive.read(metadata))
            top_level = archive.read(metadata.replace("METADATA", "top_level.txt")).split()
        self.assertEqual((fields["Name"], fields["Version"]), ("duck_tx", duck_tx.__version__))
        self.assertEqual(top_level, [b"duck_tx"])

    def test_installed_wheel_adds_the_command_and_its_removal_leaves_twisted_whole(self) -> None:
        before = _files(self.site / "twisted")
        self.install_wheel()
        self.assertIn("  duck  ", self.twistd_help())
        self.assertEqual(_files(self.site / "twisted") - before, {_PLUGIN})
        self.pip("uninstall", "--yes", "duck_tx")
        self.assertEqual(_files(self.site / "twisted"), before)
        self.assertFalse((self.site / "duck_tx").exists())
        commands = self.twistd_help()
        self.assertNotIn("  duck  ", commands)
        self.assertIn("  web  ", commands)

    def test_editable_installation_adds_the_command(self) -> None:
        self.pip("install", "--no-deps", "--no-index", "--no-build-isolation", "--editable", self.source)
        self.assertIn("  duck  ", self.twistd_help())
        self.pip("uninstall", "--yes", "duck_tx")
        self.assertNotIn("  duck  ", self.twistd_help())

    def test_checkout_has_the_command_without_an_installation(self) -> None:
        self.assertNotIn("  duck  ", self.twistd_help())
        self.assertIn("  duck  ", _run(self.python, "-m", "twisted", "--help", cwd=self.source))
        self.assertIn("  duck  ", _run(self.python, "-P", "-c", _TWISTD, "--help", cwd=self.work, path=self.source))

    def test_command_is_listed_quietly_where_the_plugin_cache_cannot_be_written(self) -> None:
        self.install_wheel()
        commands = self.twistd_help()
        (self.site / "twisted" / "plugins" / "dropin.cache").unlink()
        self.make_plugin_cache_unwritable()
        self.assertEqual(self.twistd_help(), commands)

    def test_log_of_a_server_does_not_mention_a_plugin_cache_that_cannot_be_written(self) -> None:
        self.install_wheel()
        self.make_plugin_cache_unwritable()
        options = ("-n", "--pidfile=", "duck", "--port", "0")
        log = _run(self.python, "-P", "-c", _TWISTD_STOPPED_AS_SOON_AS_IT_RUNS, *options, cwd=self.work)
        self.assertIn("starting up", log)
        self.assertNotIn("plugin cache", log)
