"""How an attempt to get a certificate can fail, without the protocol's library."""

from __future__ import annotations

__all__ = ["AcmeError", "Refused", "Unreachable"]


class AcmeError(Exception):
    """An attempt failed in a way that was to be expected.

    :param said: what happened, on one line, without a full stop.
    :param retry_after: seconds that the authority asked to wait.
    :param code: the type of the authority's problem document, such as ``rateLimited``.
    :ivar counts: the authority has seen the attempt, and may count it.
    """

    counts = True

    def __init__(self, said: str, retry_after: float | None = None, *, code: str | None = None) -> None:
        super().__init__(said)
        self.retry_after = retry_after
        self.code = code


class Refused(AcmeError):
    """The authority looked for the answer to a challenge, and did not find it.

    :param kind: of the challenge.
    """

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


class Unreachable(AcmeError):
    """Nobody answered, or nobody who knows ACME."""

    counts = False
