"""A folder of certificates in the layout that certbot keeps.

live/example.org/fullchain.pem    the certificate and its issuers
live/example.org/privkey.pem      its key
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from duck_tx.errors import SSLError

__all__ = ["Pair", "pairs_in"]

_CERTIFICATE = "fullchain.pem"
_KEY = "privkey.pem"


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of one certificate.

    :ivar private_key: None: the key stands in ``certfile`` as well.
    """

    certfile: Path
    private_key: Path | None = None

    @property
    def key_file(self) -> Path:
        return self.private_key or self.certfile


def pairs_in(folder: Path) -> tuple[Pair, ...]:
    """The pairs of a folder by the names of their directories.

    What is no directory, holds neither file or begins with a dot is none of it: certbot leaves a README there, others
    keep the versions that links point to.

    :raises SSLError: if the folder cannot be listed.
    """
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError as error:
        raise SSLError(f"{folder}: there is no such folder of certificates. Mend the path (https.folder).") from error
    except NotADirectoryError as error:
        raise SSLError(
            f"{folder}: this is a file. Give the folder above it, or give the file itself as https.certfile."
        ) from error
    except PermissionError as error:
        raise SSLError(
            f"{folder}: the user of this process (uid {os.geteuid()}) may not list it. Let that user read the folder,"
            " and enter the directories above it."
        ) from error
    except OSError as error:
        raise SSLError(f"{folder}: this folder of certificates cannot be listed: {error.strerror}.") from error
    pairs = (Pair(folder / name / _CERTIFICATE, folder / name / _KEY) for name in names if not name.startswith("."))
    return tuple(pair for pair in pairs if any(map(os.path.lexists, (pair.certfile, pair.key_file))))
