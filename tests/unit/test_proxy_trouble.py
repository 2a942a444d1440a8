"""What goes wrong with servers, in words."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error
from twisted.python.failure import Failure

from duck_tx.proxy.trouble import not_connected, why_lost
from tests.case import UnitTestCase


class TroubleTests(UnitTestCase):
    def test_a_connection_that_was_not_made_says_why(self) -> None:
        for reason, why, status in (
            (error.ConnectionRefusedError(), "the connection was refused", 502),
            (error.TimeoutError(), "the connection was not made in time", 504),
            (error.TCPTimedOutError(), "the connection was not made in time", 504),
            (error.ConnectError(13, "x"), "the connection was not made (Permission denied)", 502),
            (error.DNSLookupError("no such"), "its name has no address", 502),
            (error.ConnectionLost(), "it closed the connection before TLS was agreed on", 502),
            (VerificationError(errors=[]), "its certificate is for another name", 502),
            (
                SSL.Error([("a", "b", "certificate verify failed")]),
                "its certificate is out of date, or signed by nobody who is trusted here (ca_file says who is)",
                502,
            ),
            (SSL.Error([("a", "b", "no shared cipher")]), "TLS failed (no shared cipher)", 502),
            (SSL.Error(), "TLS failed (no reason given)", 502),
            (OSError("no\n  way"), "the connection was not made (no way)", 502),
            (OSError(), "the connection was not made (OSError)", 502),
        ):
            trouble = not_connected(Failure(reason))
            self.assertEqual((trouble.why, trouble.status, trouble.timed_out), (why, status, status == 504))

    def test_a_connection_that_was_lost_says_how(self) -> None:
        self.assertEqual(why_lost(Failure(error.ConnectionDone())), "it closed the connection")
        self.assertEqual(why_lost(Failure(error.ConnectionLost())), "the connection broke")
        self.assertEqual(why_lost(Failure(SSL.Error([("", "", "bad mac")]))), "TLS failed (bad mac)")
