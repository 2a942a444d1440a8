"""When the end of a certificate is worth a line in the log."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509

__all__ = ["EXPIRED", "days_left"]

EXPIRED = -1

_NOTICE = timedelta(days=14)
_SHARE = 3


def days_left(certificate: x509.Certificate, now: datetime) -> int | None:
    """Whole days until a certificate expires, once that is worth saying; else None.

    That is from 14 days before on, or in the last third of the life of a certificate that is made for less than six
    weeks: one of six days would have to be told every day otherwise.

    :return: :data:`EXPIRED` if it has expired.
    """
    left = certificate.not_valid_after_utc - now
    if left < timedelta():
        return EXPIRED
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return left.days if left <= min(_NOTICE, life / _SHARE) else None
