"""``duckctl certificates``."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from duck_tx.cli.command import Command
from duck_tx.cli.place import declare_place, find_place

if TYPE_CHECKING:
    from duck_tx.https.selfsigned import Development

__all__ = ["NEW", "as_data", "as_text"]


def _declare_new(parser: ArgumentParser) -> None:
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        type=_name,
        help="a host name or an address; localhost, 127.0.0.1, ::1 and those in the settings are always among them",
    )
    parser.add_argument("--force", action="store_true", help="a new certificate, for these names only")
    parser.add_argument("--new-ca", action="store_true", help="a new CA as well, which browsers have to be told of")
    parser.add_argument("--json", action="store_true", help="tell in JSON what was made")
    declare_place(parser)


def _name(text: str) -> str:
    from duck_tx.https.authority import normal_name

    try:
        return normal_name(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _new(arguments: Namespace) -> int:
    from duck_tx.https.selfsigned import DIRECTORY, make, trust_command

    place = find_place(arguments)
    server = place.settings.server
    directory = place.state_directory / DIRECTORY
    made = make(
        directory,
        [*(name for name in (server.domain, server.addr) if name), *arguments.names],
        now=datetime.now(UTC),
        new_leaf=arguments.force,
        new_authority=arguments.new_ca,
    )
    command = trust_command(directory)
    print(json.dumps(as_data(made, command), indent=2) if arguments.json else as_text(made, command))
    return 0


NEW = Command(
    ("certificates", "new"),
    "Make the certificates for HTTPS in development.",
    "That is a certificate authority (CA) of this machine's own, for this project only, and a certificate for the "
    "server, which uses it with --https where debug is on and no other certificate is given. What is there and good "
    "is kept.",
    _declare_new,
    _new,
)


def as_data(made: Development, command: str) -> dict[str, object]:
    """What was made, for programs."""
    from cryptography.hazmat.primitives.hashes import SHA256

    leaf = made.credential.chain[0]
    return {
        "ca": {
            "file": str(made.folder.ca_file),
            "sha256": made.authority.fingerprint(SHA256()).hex(),
            "expires": made.authority.not_valid_after_utc.isoformat(),
            "made": made.new_authority or None,
        },
        "certificate": {
            "file": str(made.folder.leaf_file),
            "sha256": leaf.fingerprint(SHA256()).hex(),
            "names": list(made.credential.names),
            "expires": leaf.not_valid_after_utc.isoformat(),
            "made": made.new_leaf or None,
        },
        "trust_command": command,
    }


def as_text(made: Development, command: str) -> str:
    """What was made, for people."""
    ca_file = made.folder.ca_file
    is_again = made.new_authority and not made.is_first
    again = "\nThis CA is a new one: browsers that trusted the one before have to be told again.\n" if is_again else ""
    return f"""\
CA           {ca_file}
             {_when(made.new_authority)}, good until {made.authority.not_valid_after_utc:%Y-%m-%d}
Certificate  {made.folder.leaf_file} (with its key)
             {_when(made.new_leaf)}, good until {made.credential.expires:%Y-%m-%d}
             for {", ".join(made.credential.names)}
{again}
This makes the browsers of this machine trust the CA (restart them after it):

  {command}

Other programs are told for each use: curl --cacert {ca_file} https://localhost:8000/"""


def _when(reason: str) -> str:
    return f"made now ({reason})" if reason else "there already"
