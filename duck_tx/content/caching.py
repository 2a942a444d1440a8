"""How long a browser may keep a file without asking: for ever, where its name changes with its content."""

from __future__ import annotations

import re

IMMUTABLE = b"public, max-age=31536000, immutable"
"""RFC 8246; the age is a year in seconds."""

# A digit and a letter at least, so that neither a date (report-20240131.pdf) nor a word (app.facade.js)
# passes for a hash.
_BOTH = r"(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])"

_HASHED = re.compile(
    rf"""(?:
        .+ \. (?!(?:19|20)[0-9]{{10}}(?:\.|$)) [0-9a-f]{{12}} (?: \.[^.]+ )?
      | .+ [.-] {_BOTH} (?:[0-9a-f]{{8}} | [0-9a-f]{{16}}) (?: \.[A-Za-z][^.]* ){{1,2}}
      | (?: .+ [.-] )? {_BOTH} (?:[0-9a-f]{{20}} | [0-9a-f]{{32}} | [0-9a-f]{{40}} | [0-9a-f]{{64}})
        (?: \.[A-Za-z][^.]* ){{1,2}}
    )""",
    re.VERBOSE,
)

_ROLLUP = re.compile(
    r"""
    .+ - (?=[^.]*\.) (?![A-Z][a-z]+[0-9]+\.)
    (?=[^.]{0,7}[0-9]) (?=[^.]{0,7}[a-z]) (?=[^.]{0,7}[A-Z]) [0-9A-Za-z_-]{8} \. (?:js|mjs|css) (?:\.map)?
    """,
    re.VERBOSE,
)


def is_hashed(name: str) -> bool:
    """Whether the file name ``name`` (segments joined by slashes) carries a hash of the file's content.

    These do, and nothing else, since a wrong guess keeps a stale file in browsers for a year:

    * ``site.0a1b2c3d4e5f.css``, ``LICENSE.0a1b2c3d4e5f``: 12 hexadecimal digits behind the last dot but one,
      as Django's ``ManifestStaticFilesStorage`` writes them (twelve decimal digits that look like a time of
      this or the last century do not count);
    * ``main.0a1b2c3d.js``, ``main-0a1b2c3d.js.map``: 8 or 16 of them behind a dot or a hyphen (webpack,
      Parcel, Next);
    * ``0a1b...f.png``, ``main.0a1b...f.js``: 20, 32, 40 or 64 of them, also alone (webpack, MD5, SHA-1,
      SHA-256);
    * ``assets/index-BTJ9b0zP.js``: 8 characters of base64url behind a hyphen, with a digit and letters of
      both cases, in a folder ``assets``, for scripts and style sheets only (Rollup, Vite).
    """
    folder, _, base = name.rpartition("/")
    if _HASHED.fullmatch(base):
        return True
    return folder.rpartition("/")[2] == "assets" and _ROLLUP.fullmatch(base) is not None


def cache_control(name: str, max_age: int, immutable: bool) -> bytes:
    """The value of ``Cache-Control`` for the file ``name``.

    :param max_age: seconds that a file without a hash in its name may be used unasked.
    :param immutable: whether names with a hash are told from others at all.
    """
    return IMMUTABLE if immutable and is_hashed(name) else b"max-age=%d" % max_age
