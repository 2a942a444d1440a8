"""How the browsers of this machine are told to trust a certificate authority."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from shlex import quote

__all__ = ["command", "trust"]

_PROGRAMS = ("certutil", "apt-get", "trust", "update-ca-certificates")
# Programs for the administrator are not on everybody's PATH, and sudo finds them.
_SYSTEM_PATHS = ("/usr/sbin", "/sbin")

# Where Firefox has its profiles, a database of certificates in each, and where both it and Chromium have theirs if they
# came as snaps.
_PROFILES = (".mozilla", ".config/mozilla", "snap")


def trust(authority: Path, name: str) -> str:
    """The command for this machine, as found.

    :param authority: the file with its certificate (PEM).
    :param name: what browsers are to call it.
    """
    programs = {each for each in _PROGRAMS if _is_there(each)}
    home = Path.home()
    profiles = [each for each in _PROFILES if (home / each).is_dir()]
    return command(authority, name, platform=sys.platform, programs=programs, profiles=profiles)


def command(
    authority: Path, name: str, *, platform: str, programs: Collection[str], profiles: Sequence[str] = ()
) -> str:
    """The command, in words that any shell understands; or what to do where there is none.

    :param platform: as ``sys.platform``.
    :param programs: those that are there.
    :param profiles: folders, seen from the home directory, below which browsers keep databases of their own.
    """
    file = quote(str(authority))
    if platform == "darwin":
        # Safari and Chrome ask this keychain, and Firefox imports from it.
        return f"security add-trusted-cert -r trustRoot -p ssl -k ~/Library/Keychains/login.keychain-db {file}"
    if "certutil" in programs:
        return _certutil(file, quote(name), profiles)
    if "apt-get" in programs:
        # On Debian browsers do not look at what update-ca-certificates makes: that is for curl and its like.
        return f"sudo apt-get install libnss3-tools && {_certutil(file, quote(name), profiles)}"
    if "trust" in programs:
        return f"sudo trust anchor {file}"
    if "update-ca-certificates" in programs:
        place = quote(f"/usr/local/share/ca-certificates/{_file_name(name)}.crt")
        return f"sudo cp {file} {place} && sudo update-ca-certificates"
    return f"import {file} into the browser as an authority that identifies websites"


def _certutil(file: str, name: str, profiles: Sequence[str]) -> str:
    """For the databases of NSS, which browsers on Linux ask: the user's own, which Chromium uses, and others."""
    add = f"-A -t C,, -n {name} -i {file}"
    own = f'mkdir -p ~/.pki/nssdb && certutil -d "sql:$HOME/.pki/nssdb" {add}'
    if not profiles:
        return own
    folders = " ".join(f"~/{each}" for each in profiles)
    return rf"{own} && find {folders} -name cert9.db -execdir certutil -d sql:. {add} \;"


def _file_name(name: str) -> str:
    return "".join(each if each.isalnum() or each in "._-" else "-" for each in name).strip("-")


def _is_there(program: str) -> bool:
    return shutil.which(program) is not None or any(shutil.which(program, path=path) for path in _SYSTEM_PATHS)
