"""A process whose resources take bodies while they arrive, and open tunnels:
``python -m tests.integration.streaming_site [CERTFILE KEYFILE]``.

With a certificate it speaks HTTPS.
"""

from __future__ import annotations

import sys
from typing import Any

from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from tests.integration.served_site import serve_site
from tests.integration.streams import Streams


def _site(reactor: Any, is_secure: bool) -> Site:
    limits = Limits(write_timeout=60, linger_timeout=30, max_body=0)
    return Site(Streams(), reactor=reactor, limits=limits, secure=is_secure)


if __name__ == "__main__":
    serve_site("streams", _site, *sys.argv[1:])
