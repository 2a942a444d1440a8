"""RFC 9113 section 8: which sequences of frames and which fields make a request."""

from __future__ import annotations

from collections.abc import Sequence

from tests.unit.http2_case import Http2Case, rows
from tests.unit.http2_frames import (
    Field,
    asked,
    block,
    continuation,
    data,
    headers,
    literal,
    post,
    request,
)
from tests.unit.http2_outcome import Row, answered, malformed, row

METHOD = (b":method", b"GET")
SCHEME = (b":scheme", b"https")
AUTHORITY = (b":authority", b"duck.example")
PATH = (b":path", b"/hello")
HOST = (b"host", b"duck.example")
TRAILERS = block((b"x-sum", b"1"))
OPEN = post(1)

_REFUSED = (malformed(), answered(1, 400))
_BY_HTTP = (
    "The frames and the generic syntax of fields are right, so it is for the resource's side to refuse it (8.2.1, RFC "
    "9110); a server may call the control data invalid as well (8.3)."
)


def bad(section: str, name: str, *fields: Field) -> Row:
    """A request of these fields is malformed."""
    return row(section, name, headers(1, block(*fields)), malformed())


def bad_field(section: str, name: str, field: bytes, value: bytes = b"1") -> Row:
    """A good request with one more field is malformed."""
    return bad(section, name, *asked(), (field, value))


def refused(section: str, name: str, *fields: Field) -> Row:
    """A request of these fields gets 400, or is malformed."""
    return row(section, name, headers(1, block(*fields)), *_REFUSED, why=_BY_HTTP)


def good(section: str, name: str, *fields: Field, status: int = 200) -> Row:
    return row(section, name, headers(1, block(*fields)), answered(1, status))


FRAMING = [
    row("8.1", "HEADERS and nothing else", request(1), answered(1, 200)),
    row("8.1", "a body", [OPEN, data(1, b"duck", end=True)], answered(1, 200)),
    row("8.1", "an end that comes alone", [OPEN, data(1, end=True)], answered(1, 200)),
    row("8.1", "trailers", [OPEN, data(1, b"duck"), headers(1, TRAILERS)], answered(1, 200)),
    row("8.1", "trailers without a body", [OPEN, headers(1, TRAILERS)], answered(1, 200)),
    row("8.1", "trailers of nothing", [OPEN, data(1, b"duck"), headers(1, b"")], answered(1, 200)),
    row(
        "8.1",
        "trailers in two parts",
        [OPEN, headers(1, TRAILERS[:4], whole=False) + continuation(1, TRAILERS[4:])],
        answered(1, 200),
    ),
    row("8.1", "trailers that do not end the stream", [OPEN, headers(1, TRAILERS, end=False)], malformed()),
    row(
        "8.1",
        "trailers after a body that do not end the stream",
        [OPEN, data(1, b"duck"), headers(1, TRAILERS, end=False)],
        malformed(),
    ),
    row(
        "8.1",
        "a second header section",
        [OPEN, headers(1, block(*asked()), end=False)],
        malformed(),
    ),
    *(
        row("8.1", f"trailers with {name.decode()}", [OPEN, headers(1, block((name, value)))], malformed())
        for name, value in (METHOD, SCHEME, AUTHORITY, PATH, (b":status", b"200"), (b":sum", b"1"))
    ),
    row("8.2.1", "trailers with a capital", [OPEN, headers(1, block((b"X-sum", b"1")))], malformed()),
    row("8.2.1", "trailers with a line feed", [OPEN, headers(1, block((b"x-sum", b"1\n2")))], malformed()),
    row("8.2.2", "trailers about the connection", [OPEN, headers(1, block((b"connection", b"close")))], malformed()),
    row("8.1", "a request of no fields", headers(1, b""), malformed()),
]


def _lengths(name: str, length: bytes, *frames: bytes) -> Row:
    return row("8.1.1", name, [post(1, b"/e", (b"content-length", length)), *frames], malformed())


LENGTHS = [
    _lengths("a body shorter than its length", b"5", data(1, b"duck", end=True)),
    _lengths("a body longer than its length", b"3", data(1, b"duck", end=True)),
    _lengths("a body longer than its length in two parts", b"3", data(1, b"du"), data(1, b"ck", end=True)),
    _lengths("a body longer than its length that goes on", b"3", data(1, b"duck")),
    _lengths("a body where the length is nothing", b"0", data(1, b"duck", end=True)),
    _lengths("no body where there is a length", b"4", data(1, end=True)),
    _lengths("trailers before the body is whole", b"5", data(1, b"duck"), headers(1, TRAILERS)),
    _lengths("trailers after too much body", b"3", data(1, b"duck"), headers(1, TRAILERS)),
    _lengths("a length that padding makes up", b"8", data(1, b"duck", pad=3, end=True)),
    row(
        "8.1.1",
        "an end in HEADERS with a length",
        request(1, b"/e", (b"content-length", b"4"), method=b"POST"),
        malformed(),
    ),
    row(
        "8.1.1",
        "a length that the body has beside padding",
        [post(1, b"/e", (b"content-length", b"4")), data(1, b"duck", pad=3, end=True)],
        answered(1, 200),
    ),
    row(
        "8.1.1",
        "a length that the parts of a body add up to",
        [post(1, b"/e", (b"content-length", b"4")), data(1, b"d"), data(1), data(1, b"uck"), headers(1, TRAILERS)],
        answered(1, 200),
    ),
    good("8.1.1", "a length of nothing and no body", *asked(b"/e", (b"content-length", b"0"), method=b"POST")),
    *(
        row(
            "8.1.1",
            f"a length that is no length, {name}",
            [post(1, b"/e", *((b"content-length", value) for value in values)), data(1, b"abc", end=True)],
            *_REFUSED,
            why=_BY_HTTP,
        )
        for name, values in {
            "empty": [b""],
            "word": [b"abc"],
            "plus": [b"+3"],
            "minus": [b"-3"],
            "fraction": [b"3.0"],
            "list": [b"3, 3"],
            "hexadecimal": [b"0x3"],
            "underscore": [b"0_3"],
            "very great": [b"9" * 400],
            "two": [b"3", b"4"],
            "the same twice": [b"3", b"3"],
        }.items()
    ),
]

_NAMES = {
    "a capital": b"X-duck",
    "a capital at its end": b"x-ducK",
    "nothing": b"",
    "a space": b"x duck",
    "a space at its end": b"x-duck ",
    "a tab": b"x\tduck",
    "a colon": b"x:duck",
    "a colon at its end": b"x-duck:",
    "a nul": b"x\0duck",
    "a line feed": b"x\nduck",
    "a carriage return": b"x\rduck",
    "a line": b"x\r\nhost",
    "a delete character": b"x\x7fduck",
    "a byte beyond ascii": b"x-caf\xe9",
    "a bracket": b"x(duck)",
    "a quote": b'x"duck"',
    "a slash": b"x/duck",
}

_VALUES = {
    "a nul": b"a\0b",
    "a line feed": b"a\nb",
    "a carriage return": b"a\rb",
    "a line": b"a\r\nhost: b",
    "a line feed at its end": b"a\n",
    "a nul alone": b"\0",
    "a space before it": b" a",
    "a space after it": b"a ",
    "a tab before it": b"\ta",
    "a tab after it": b"a\t",
    "a space alone": b" ",
    "a control character": b"a\x01b",
    "a vertical tab": b"a\x0bb",
    "a delete character": b"a\x7fb",
}

FIELDS = [
    *(bad_field("8.2.1", f"a field name with {name}", field) for name, field in _NAMES.items()),
    *(bad_field("8.2.1", f"a field value with {name}", b"x-duck", value) for name, value in _VALUES.items()),
    *(
        bad("8.2.1", f"a value of {name.decode()} with {kind}", *(pair for pair in asked() if pair[0] != name), pair)
        for name in (b":method", b":scheme", b":authority", b":path")
        for kind, pair in {
            "a nul": (name, dict(asked())[name] + b"\0"),
            "a line feed": (name, dict(asked())[name] + b"\nx: y"),
            "a space before it": (name, b" " + dict(asked())[name]),
        }.items()
    ),
    good("8.2.1", "an empty value", *asked(), (b"x-duck", b"")),
    good("8.2.1", "spaces and tabs within a value", *asked(), (b"x-duck", b"a \t b")),
    good("8.2.1", "bytes beyond ascii in a value", *asked(), (b"x-duck", b"caf\xc3\xa9 \xff")),
    good("8.2.1", "every character of a token in a name", *asked(), (b"!#$%&'*+-.^_`|~09az", b"1")),
    *(
        bad_field("8.2.2", f"the field {name.decode()}", name, value)
        for name, value in {
            b"connection": b"close",
            b"keep-alive": b"timeout=5",
            b"proxy-connection": b"keep-alive",
            b"transfer-encoding": b"chunked",
            b"upgrade": b"websocket",
        }.items()
    ),
    bad_field("8.2.2", "an empty field connection", b"connection", b""),
    bad_field("8.2.2", "the coding identity", b"transfer-encoding", b"identity"),
    bad_field("8.2.2", "te of a coding", b"te", b"gzip"),
    bad_field("8.2.2", "te of trailers and a coding", b"te", b"trailers, gzip"),
    bad_field("8.2.2", "te of a coding and trailers", b"te", b"gzip;q=0.5, trailers"),
    good("8.2.2", "te of trailers", *asked(), (b"te", b"trailers")),
]

CONTROL = [
    bad("8.3", "an unknown pseudo-header", *asked(), (b":duck", b"1")),
    bad("8.3", "a pseudo-header without a name", *asked(), (b":", b"1")),
    bad("8.3", "a pseudo-header of responses", *asked(), (b":status", b"200")),
    bad("8.3", "a pseudo-header of a protocol that is not offered", *asked(), (b":protocol", b"websocket")),
    bad("8.3", "a pseudo-header with a capital", (b":Method", b"GET"), SCHEME, AUTHORITY, PATH),
    *(
        bad("8.3", f"{last[0].decode()} after a field", *(pair for pair in asked() if pair != last), HOST, last)
        for last in (METHOD, SCHEME, AUTHORITY, PATH)
    ),
    *(bad("8.3", f"{twice[0].decode()} twice", *asked(), twice) for twice in (METHOD, SCHEME, AUTHORITY, PATH)),
    bad("8.3", ":path twice with other values", *asked(), (b":path", b"/wait")),
    bad("8.3.1", "no :method", SCHEME, AUTHORITY, PATH),
    bad("8.3.1", "no :scheme", METHOD, AUTHORITY, PATH),
    bad("8.3.1", "no :path", METHOD, SCHEME, AUTHORITY),
    bad("8.3.1", "no pseudo-header at all", HOST, (b"x-duck", b"1")),
    bad("8.3.1", "an empty :path", METHOD, SCHEME, AUTHORITY, (b":path", b"")),
    refused("8.3.1", "an empty :method", (b":method", b""), SCHEME, AUTHORITY, PATH),
    refused("8.3.1", "an empty :scheme", METHOD, (b":scheme", b""), AUTHORITY, PATH),
    refused("8.3.1", "a :method that is no token", (b":method", b"G(T"), SCHEME, AUTHORITY, PATH),
    refused("8.3.1", "a :method of two words", (b":method", b"GET /x"), SCHEME, AUTHORITY, PATH),
    refused("8.3.1", "a :scheme that is none", METHOD, (b":scheme", b"ht tp"), AUTHORITY, PATH),
    *(
        refused("8.3.1", f"a :path that is {name}", METHOD, SCHEME, AUTHORITY, (b":path", path))
        for name, path in {
            "relative": b"hello",
            "a query alone": b"?a=b",
            "absolute": b"https://duck.example/hello",
            "an asterisk": b"*",
            "with a space": b"/a b",
            "with a version": b"/ HTTP/1.1",
            "with a fragment": b"/a#b",
            "with a tab": b"/a\tb",
            "beyond ascii": b"/caf\xc3\xa9",
            "with a delete character": b"/a\x7fb",
        }.items()
    ),
    good("8.3.1", "a :path with a query", METHOD, SCHEME, AUTHORITY, (b":path", b"/hello?a=b&c=%20")),
    good("8.3.1", "pseudo-headers in another order", PATH, AUTHORITY, SCHEME, METHOD),
    good("8.3.1", "options of the server as a whole", (b":method", b"OPTIONS"), SCHEME, AUTHORITY, (b":path", b"*")),
    row(
        "8.3.1",
        "the scheme of another protocol",
        headers(1, block(METHOD, (b":scheme", b"ftp"), AUTHORITY, PATH)),
        *_REFUSED,
        answered(1, 200, 421, 404, 501),
        why="The scheme is not restricted; what a server does with one that is not its own is its business.",
    ),
    good("8.3.1", "a host and no :authority", METHOD, SCHEME, PATH, HOST),
    good("8.3.1", "a host that is the :authority", *asked(), HOST),
    refused("8.3.1", "neither a host nor :authority", METHOD, SCHEME, PATH),
    refused("8.3.1", "a host that differs from :authority", *asked(), (b"host", b"other.example")),
    refused("8.3.1", "a host with another port than :authority", *asked(), (b"host", b"duck.example:81")),
    refused("8.3.1", "two hosts", METHOD, SCHEME, PATH, HOST, (b"host", b"other.example")),
    refused("8.3.1", "a second host that differs from :authority", *asked(), HOST, (b"host", b"other.example")),
    *(
        refused("8.3.1", f"a bad :authority, {name}", METHOD, SCHEME, (b":authority", host), PATH)
        for name, host in {
            "empty": b"",
            "user": b"duck@duck.example",
            "user and password": b"a:b@duck.example",
            "list": b"a,b",
            "slash": b"a/b",
            "great port": b"a:65536",
            "word for a port": b"a:b",
            "open bracket": b"[::1",
            "only a port": b":80",
            "space": b"a b",
        }.items()
    ),
    refused("8.3.1", "a bad host and no :authority", METHOD, SCHEME, PATH, (b"host", b"a,b")),
]

CONNECT = (b":method", b"CONNECT")

METHODS = [
    bad("8.5", "CONNECT with :scheme", CONNECT, SCHEME, AUTHORITY),
    bad("8.5", "CONNECT with :path", CONNECT, AUTHORITY, PATH),
    bad("8.5", "CONNECT with :scheme and :path", CONNECT, SCHEME, AUTHORITY, PATH),
    bad("8.5", "CONNECT without :authority", CONNECT),
    bad("8.5", "CONNECT with a host alone", CONNECT, HOST),
    row(
        "8.5",
        "CONNECT to a server that is no proxy",
        headers(1, block(CONNECT, (b":authority", b"duck.example:443"))),
        answered(1, 501),
    ),
    row(
        "8.5",
        "CONNECT that goes on",
        [headers(1, block(CONNECT, (b":authority", b"duck.example:443")), end=False), data(1, b"duck", end=True)],
        answered(1, 501),
    ),
    *(
        row("8.3.1", f"the method {method.decode()}", request(1, method=method), answered(1, 501))
        for method in (b"FROB", b"get")
    ),
    good("8.3.1", "the method DELETE", *asked(b"/e", method=b"DELETE")),
    good("8.3.1", "a method of WebDAV", *asked(b"/e", method=b"PROPFIND")),
]


@rows(FRAMING + LENGTHS)
class FramingTests(Http2Case):
    """Which frames make a request, and how long its body is."""


@rows(FIELDS)
class FieldTests(Http2Case):
    """Which fields it may have."""


@rows(CONTROL + METHODS)
class ControlTests(Http2Case):
    """What it asks for, and of whom."""


class SeenTests(Http2Case):
    """What the resource sees of it."""

    def seen(self, fields: Sequence[Field], body: bytes = b"") -> list[bytes]:
        client = self.started()
        client.send(headers(1, block(*fields), end=not body), *([data(1, body, end=True)] if body else []))
        self.assertEqual(client.response(1).status, 200)
        return bytes(client.response(1).body).split(b"\n")

    def test_8_2_3_crumbs_of_a_cookie_are_put_together(self) -> None:
        crumbs = [(b"cookie", b"a=b"), (b"x-duck", b"1"), (b"cookie", b"c=d"), (b"cookie", b"e=f; g=h")]
        cookies = [line for line in self.seen(asked(b"/e", *crumbs)) if line.lower().startswith(b"cookie: ")]
        self.assertEqual([line.partition(b": ")[2] for line in cookies], [b"a=b; c=d; e=f; g=h"])

    def test_8_3_1_the_authority_is_the_host(self) -> None:
        for fields in (asked(b"/e"), [METHOD, SCHEME, (b":path", b"/e"), HOST], asked(b"/e", HOST)):
            lines = [line.lower() for line in self.seen(fields)]
            self.assertEqual([line for line in lines if line.startswith(b"host:")], [b"host: duck.example"])
            self.assertFalse([line for line in lines if line.startswith(b":")])

    def test_8_3_1_the_version_is_2(self) -> None:
        self.assertRegex(self.seen(asked(b"/e?a=b"))[0], rb"\AGET /e\?a=b HTTP/2(\.0)?\Z")

    def test_8_1_trailers_are_no_headers(self) -> None:
        client = self.started()
        client.send(post(1), data(1, b"duck"), headers(1, block((b"x-sum", b"1"), (b"host", b"evil"))))
        self.assertNotIn(b"evil", client.response(1).body)
        self.assertTrue(client.response(1).body.endswith(b"\n\nduck"))

    def test_8_2_2_te_and_all_other_fields_arrive_in_order(self) -> None:
        fields = [(b"x-b", b"1"), (b"te", b"trailers"), (b"x-a", b"2"), (b"x-b", b"3"), (b"x-c", b"")]
        lines = self.seen(asked(b"/e", *fields))
        self.assertEqual(
            [line.lower() for line in lines if line[:2].lower() in (b"x-", b"te")],
            [b"x-b: 1", b"te: trailers", b"x-a: 2", b"x-b: 3", b"x-c: "],
        )

    def test_8_2_1_values_arrive_as_they_are(self) -> None:
        self.assertIn(b"x-duck: a \t caf\xc3\xa9 \xff", self.seen(asked(b"/e", (b"x-duck", b"a \t caf\xc3\xa9 \xff"))))

    def test_8_1_1_many_malformed_requests_do_not_end_the_connection(self) -> None:
        client = self.started()
        for stream in range(1, 21, 2):
            client.send(headers(stream, literal(b"X", b"1")))
        self.assertEqual(len(client.resets), 10)
        self.proves_alive(client)
