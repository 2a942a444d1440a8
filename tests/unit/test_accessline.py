"""The line for one request: what it says, and that nothing in a request can forge one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.accessline import FIELD_LIMIT, combined_line, json_line
from duck_tx.http.forwarded import Origin
from tests.case import UnitTestCase

BEGAN = 1_700_000_000.25
_TEXT = rb"(?:[ !#-\[\]-~]|\\x[0-9a-f]{2})*"
COMBINED = re.compile(
    rb"(?P<client>[!-~]+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "
    rb'"(?P<request>' + _TEXT + rb')" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    rb'"(?P<referer>' + _TEXT + rb')" "(?P<agent>' + _TEXT + rb')" (?P<request_id>[!-~]+) (?P<took>\d+\.\d{3})\n'
)
FIELDS = (
    *("time", "client", "method", "target", "protocol", "status", "bytes", "duration_ms", "referer"),
    *("user_agent", "host", "request_id", "scheme"),
)
_any = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode("utf-8")),
    st.binary(min_size=1, max_size=3).map(lambda piece: piece * FIELD_LIMIT),
)


@dataclass
class Answer:
    """What the log reads of a request."""

    origin: Origin = field(default_factory=lambda: Origin("203.0.113.9", 0, "https", b"a.example", "id-1"))
    method: bytes = b"GET"
    uri: bytes = b"/a?b=c"
    clientproto: bytes = b"HTTP/1.1"
    code: int = 200
    sentLength: int = 1234
    started: float = 0.0
    raw_headers: list[tuple[bytes, bytes]] = field(default_factory=list)


_answers = st.builds(
    lambda method, uri, protocol, host, referer, agent: Answer(
        Origin("::1", 0, "http", host, "id"), method, uri, protocol,
        raw_headers=[(b"referer", referer), (b"USER-AGENT", agent)],
    ),
    *[_any] * 6,
)  # fmt: skip


def shown(value: bytes) -> bytes:
    """``value`` as the combined line has to show it, escapes undone."""
    return value if len(value) <= FIELD_LIMIT else value[:FIELD_LIMIT] + b"..."


def read_back(text: bytes) -> bytes:
    return re.sub(rb"\\x(..)", lambda match: bytes.fromhex(match[1].decode()), text)


def parse(line: bytes) -> re.Match[bytes]:
    match = COMBINED.fullmatch(line)
    assert match is not None, line
    return match


class CombinedLineTests(UnitTestCase):
    def test_it_is_apaches_with_id_and_milliseconds_at_the_end(self) -> None:
        headers = [(b"Referer", b"http://b.example/"), (b"User-Agent", b"curl/8.5"), (b"Accept", b"*/*")]
        self.assertEqual(
            combined_line(Answer(raw_headers=headers), BEGAN, 0.0123456),
            b'203.0.113.9 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=c HTTP/1.1" 200 1234 '
            b'"http://b.example/" "curl/8.5" id-1 12.346\n',
        )

    def test_what_is_missing_stands_as_a_dash(self) -> None:
        answer = Answer(Origin("", 0, "http", b"", "id-1"), sentLength=0, code=304)
        self.assertEqual(
            combined_line(answer, BEGAN, 0.0),
            b'- - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=c HTTP/1.1" 304 - "-" "-" id-1 0.000\n',
        )

    def test_nothing_in_a_field_can_end_it(self) -> None:
        for evil in (
            b'" 200 0 "-" "-"',
            b"\\",
            b"\n",
            b"\r",
            b"\0",
            b"\x1b[2J",
            b"\x7f",
            b"\x9b",
            b"\xe2\x80\xa8",
        ):
            match = parse(combined_line(Answer(raw_headers=[(b"User-Agent", evil)]), BEGAN, 0.0))
            self.assertEqual(read_back(match["agent"]), evil)

    def test_the_first_of_repeated_headers_counts_in_any_case_of_letters(self) -> None:
        headers = [
            (b"uSER-aGENT", b"one"),
            (b"User-Agent", b"two"),
            (b"REFERER", b"three"),
            (b"referer", b"four"),
        ]
        match = parse(combined_line(Answer(raw_headers=headers), BEGAN, 0.0))
        self.assertEqual((match["agent"], match["referer"]), (b"one", b"three"))

    def test_names_of_the_same_length_are_not_taken_for_them(self) -> None:
        headers = [(b"X-Agent-Id", b"one"), (b"Upgrade", b"two")]
        match = parse(combined_line(Answer(raw_headers=headers), BEGAN, 0.0))
        self.assertEqual((match["agent"], match["referer"]), (b"-", b"-"))

    def test_a_space_where_no_quotes_are_is_escaped_with_the_rest(self) -> None:
        answer = Answer(Origin("a b\n", 0, "http", b"", 'i "d'))
        match = parse(combined_line(answer, BEGAN, 0.0))
        self.assertEqual((match["client"], match["request_id"]), (rb"a\x20b\x0a", rb"i\x20\x22d"))

    def test_days_and_months_are_those_of_utc(self) -> None:
        for began, expected in (
            (0.0, b"01/Jan/1970:00:00:00 +0000"),
            (951_782_400.999, b"29/Feb/2000:00:00:00 +0000"),
            (1_798_761_599.0, b"31/Dec/2026:23:59:59 +0000"),
        ):
            self.assertEqual(parse(combined_line(Answer(), began, 0.0))["time"], expected)

    @given(_answers)
    def test_any_bytes_give_one_line_that_reads_back(self, answer: Answer) -> None:
        line = combined_line(answer, BEGAN, 0.001)
        match = parse(line)
        request = b" ".join(map(shown, (answer.method, answer.uri, answer.clientproto)))
        self.assertEqual(read_back(match["request"]), request)
        referer, agent = (value for _, value in answer.raw_headers)
        self.assertEqual(read_back(match["referer"]), shown(referer) or b"-")
        self.assertEqual(read_back(match["agent"]), shown(agent) or b"-")
        self.assertLess(len(line), 5 * 4 * (FIELD_LIMIT + 3) + 200)


class JSONLineTests(UnitTestCase):
    def test_it_has_every_field_in_order(self) -> None:
        headers = [(b"User-Agent", b"curl/8.5"), (b"Referer", b"http://b.example/")]
        line = json_line(Answer(raw_headers=headers), BEGAN, 0.0123456)
        expected = {
            "time": "2023-11-14T22:13:20.250Z",
            "client": "203.0.113.9",
            "method": "GET",
            "target": "/a?b=c",
            "protocol": "HTTP/1.1",
            "status": 200,
            "bytes": 1234,
            "duration_ms": 12.346,
            "referer": "http://b.example/",
            "user_agent": "curl/8.5",
            "host": "a.example",
            "request_id": "id-1",
            "scheme": "https",
        }
        self.assertEqual(json.loads(line), expected)
        self.assertEqual(tuple(json.loads(line)), FIELDS)

    def test_what_a_client_did_not_send_is_null(self) -> None:
        read = json.loads(json_line(Answer(Origin("", 0, "http", b"", "i")), BEGAN, 0.0))
        self.assertEqual((read["referer"], read["user_agent"], read["client"], read["host"]), (None, None, "", ""))

    def test_what_a_client_sent_empty_is_empty(self) -> None:
        for uri in (b"/", b"/\xff"):
            answer = Answer(uri=uri, raw_headers=[(b"User-Agent", b""), (b"Referer", b"")])
            read = json.loads(json_line(answer, BEGAN, 0.0))
            self.assertEqual((read["referer"], read["user_agent"]), ("", ""))

    def test_the_last_millisecond_of_a_second_stays_in_it(self) -> None:
        for began, expected in ((0.9999, "1970-01-01T00:00:00.999Z"), (1.0, "1970-01-01T00:00:01.000Z")):
            self.assertEqual(json.loads(json_line(Answer(), began, 0.0))["time"], expected)

    @given(_answers)
    def test_any_bytes_give_one_line_of_ascii_that_reads_back(self, answer: Answer) -> None:
        line = json_line(answer, BEGAN, 0.001)
        self.assertRegex(line, rb"\A[ -~]+\n\Z")
        read = json.loads(line)
        self.assertEqual(tuple(read), FIELDS)
        referer, agent = (value for _, value in answer.raw_headers)
        for name, value in (
            ("method", answer.method), ("target", answer.uri), ("protocol", answer.clientproto),
            ("host", answer.origin.host), ("referer", referer), ("user_agent", agent),
        ):  # fmt: skip
            cut = "..." if len(value) > FIELD_LIMIT else ""
            self.assertEqual(read[name], value[:FIELD_LIMIT].decode("utf-8", "replace") + cut)
