"""What pyproject.toml cannot say: our file in ``twisted/plugins`` does not make ``twisted`` ours."""

from __future__ import annotations

from setuptools import setup
from setuptools.command.egg_info import egg_info


class EggInfo(egg_info):
    """Writes a ``top_level.txt`` without ``twisted``.

    Tools take a name in that file as owned by the distribution: ``importlib.metadata.packages_distributions``
    would report Twisted as ours, and an uninstaller without a RECORD to go by would delete Twisted's folder.
    """

    def write_file(self, what: str, filename: str, data: str) -> None:
        """Write one metadata file; ``data`` is its text and ``what`` names it in the log."""
        if filename.endswith("top_level.txt"):
            data = "".join(line for line in data.splitlines(keepends=True) if line.strip() != "twisted")
        super().write_file(what, filename, data)


setup(cmdclass={"egg_info": EggInfo})
