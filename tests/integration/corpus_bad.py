"""What a strict server must refuse: each ends in an error page and a closed connection."""

from __future__ import annotations

from tests.integration.exchange import CHUNKED, HELLO, HOST, Exchange, get

BAD = b"400 Bad Request"
UNKNOWN = b"501 Not Implemented"
TOO_LARGE = b"431 Request Header Fields Too Large"
ENTITY = b"413 Request Entity Too Large"
LONG_URI = b"414 Request-URI Too Long"


def bad(name: str, status: bytes, sent: bytes, answers: bytes = b"") -> Exchange:
    return Exchange(name, sent, answers, closed=True, refused=status)


def bad_head(name: str, *lines: bytes, status: bytes = b"400 Bad Request") -> Exchange:
    """A request with good first lines and one of these after them."""
    return bad(name, status, get(b"/", *lines))


def bad_body(name: str, chunks: bytes, status: bytes = b"400 Bad Request") -> Exchange:
    return bad(name, status, get(b"/", b"Transfer-Encoding: chunked", method=b"POST", body=chunks))


BAD_LINES = [
    bad("no request line", BAD, b" \r\n" + HOST + b"\r\n"),
    bad("version 0.9", BAD, b"GET /\r\n\r\n"),
    bad("version 0.9 named", b"505 HTTP Version not supported", b"GET / HTTP/0.9\r\n\r\n"),
    bad("version 2.0", b"505 HTTP Version not supported", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("version 1.2", b"505 HTTP Version not supported", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    bad("version 1", BAD, b"GET / HTTP/1\r\n" + HOST + b"\r\n"),
    bad("version 1.10", BAD, b"GET / HTTP/1.10\r\n" + HOST + b"\r\n"),
    bad("version in small letters", BAD, b"GET / http/1.1\r\n" + HOST + b"\r\n"),
    bad("another protocol", BAD, b"DESCRIBE rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    bad("a TLS hello", BAD, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n\r\n"),
    bad("two spaces before the target", BAD, b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("two spaces after the target", BAD, b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("a space within the target", BAD, b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("a tab in the request line", BAD, b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("a space before the request line", BAD, b" GET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("a space at the end of the request line", BAD, b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    bad("a bare line feed before the request", BAD, b"\nGET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("a bare carriage return before the request", BAD, b"\rGET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("a bare line feed after the request line", BAD, b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
    bad("a bare carriage return after the request line", BAD, b"GET / HTTP/1.1\r" + HOST + b"\r\n"),
    bad("two carriage returns after the request line", BAD, b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n"),
    bad("a fragment in the target", BAD, get(b"/a#b")),
    bad("bytes beyond ascii in the target", BAD, get(b"/caf\xc3\xa9")),
    bad("a control character in the target", BAD, get(b"/a\x01")),
    bad("a delete character in the target", BAD, get(b"/a\x7f")),
    bad("a nul in the target", BAD, get(b"/a\0")),
    bad("a target that is neither path nor address", BAD, get(b"a/b")),
    bad("an asterisk for another method", BAD, get(b"*")),
    bad("an absolute target with user information", BAD, get(b"http://a@b/")),
    bad("an absolute target without a host", BAD, get(b"http:///a")),
    bad("an absolute target with a bad port", BAD, get(b"http://a:99999/")),
    bad("an absolute target of another scheme", BAD, get(b"ftp://a/")),
    bad("an unknown method", UNKNOWN, get(b"/", method=b"FROB")),
    bad("a method in small letters", UNKNOWN, get(b"/", method=b"get")),
    bad("a method of another protocol", UNKNOWN, get(b"/", method=b"DESCRIBE")),
    bad("a method that is no token", BAD, get(b"/", method=b"G(T")),
    bad("connect", UNKNOWN, get(b"duck.example:443", method=b"CONNECT")),
    bad("connect with a path", UNKNOWN, get(b"/", method=b"CONNECT")),
    bad("a target that is too long", LONG_URI, get(b"/" + b"a" * 9000)),
    bad("a request line without an end", LONG_URI, b"GET /" + b"a" * 20_000),
    bad("a method that is too long", LONG_URI, get(b"/", method=b"A" * 9000)),
    bad("a bad request after a good one", BAD, get(b"/hello") + b"GARBAGE\r\n\r\n", HELLO),
]

BAD_FIELDS = [
    bad("no host", BAD, b"GET / HTTP/1.1\r\n\r\n"),
    bad("no host beside other fields", BAD, b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n"),
    bad_head("two hosts", b"Host: other"),
    bad_head("the same host twice", b"HOST: duck.example"),
    bad("no host beside an absolute target", BAD, b"GET http://a/ HTTP/1.1\r\n\r\n"),
    *(
        bad(f"a bad host, {name}", BAD, b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
        for name, host in {
            "empty": b"",
            "space": b"a b",
            "user": b"u@a",
            "list": b"a,b",
            "list with space": b"a, b",
            "word for a port": b"a:b",
            "great port": b"a:65536",
            "two ports": b"a:1:2",
            "slash": b"a/b",
            "question": b"a?b",
            "percent": b"a%zz",
            "open bracket": b"[::1",
            "text after brackets": b"[::1]a",
            "beyond ascii": b"caf\xc3\xa9",
            "only a port": b":80",
            "quotes": b'"a"',
            "angle": b"<a>",
        }.items()
    ),
    bad("a bad host in version 1.0", BAD, b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
    bad_head("a folded line", b"X: a\r\n b"),
    bad_head("a line folded with a tab", b"X: a\r\n\tb"),
    bad("a folded first field", BAD, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    bad_head("a space before the colon", b"X : a"),
    bad_head("a tab before the colon", b"X\t: a"),
    bad_head("a space in a name", b"X Y: a"),
    bad_head("a name that is empty", b": a"),
    bad_head("a line without a colon", b"X"),
    *(
        bad_head(f"a bad character in a name, {char}", b"X%bY: a" % bytes([char]))
        for char in b'()/<@"{\x00\x01\x7f\xe9'
    ),
    *(
        bad_head(f"a control character in a value, {char}", b"X: a%bb" % bytes([char]))
        for char in b"\0\1\x08\x0b\x0c\x1b\x7f"
    ),
    bad_head("a bare line feed after a field", b"X: a\nY: b"),
    bad_head("a bare carriage return after a field", b"X: a\rY: b"),
    bad_head("two carriage returns after a field", b"X: a\r"),
    bad_head("a bare line feed for the empty line", b"X: a\r\n\nGET /x HTTP/1.1\r\nHost: a"),
    bad("line feeds alone", BAD, b"GET / HTTP/1.1\nHost: a\n\n"),
    bad_head("a field that is too long", b"X: " + b"a" * 20_000, status=TOO_LARGE),
    bad_head("fields that are too long together", *[b"X: " + b"a" * 8000] * 9, status=TOO_LARGE),
    bad_head("too many fields", *[b"X: a"] * 200, status=TOO_LARGE),
    bad_head("an unknown expectation", b"Expect: 200-ok", status=b"417 Expectation Failed"),
]

BAD_FRAMING = [
    *(
        bad_head(f"a bad length, {name}", b"Content-Length: " + value)
        for name, value in {
            "empty": b"",
            "word": b"abc",
            "plus": b"+3",
            "minus": b"-3",
            "hexadecimal": b"0x3",
            "fraction": b"3.0",
            "list": b"3, 3",
            "list without space": b"3,3",
            "two words": b"3 3",
            "underscore": b"1_0",
            "beyond 64 bits": b"18446744073709551616",
            "very great": b"9" * 400,
            "quoted": b'"3"',
            "exponent": b"1e1",
        }.items()
    ),
    bad_head("two lengths", b"Content-Length: 3", b"Content-Length: 4"),
    bad_head("the same length twice", b"Content-Length: 3", b"content-length: 3"),
    bad_head("a length before chunks", b"Content-Length: 3", CHUNKED),
    bad_head("a length after chunks", CHUNKED, b"Content-Length: 3"),
    bad_head("a length of nothing before chunks", b"Content-Length: 0", CHUNKED),
    bad("chunks in version 1.0", BAD, get(b"/", CHUNKED, version=b"1.0", method=b"POST", body=b"0\r\n\r\n")),
    bad("another coding in version 1.0", BAD, get(b"/", b"Transfer-Encoding: gzip", version=b"1.0", method=b"POST")),
    bad_head("an unknown coding", b"Transfer-Encoding: gzip", status=UNKNOWN),
    bad_head("an unknown coding before chunks", b"Transfer-Encoding: gzip, chunked", status=UNKNOWN),
    bad_head("an unknown coding on a line before chunks", b"Transfer-Encoding: gzip", CHUNKED, status=UNKNOWN),
    bad_head("chunks not last", b"Transfer-Encoding: chunked, gzip", status=UNKNOWN),
    bad_head("chunks twice", b"Transfer-Encoding: chunked, chunked", status=UNKNOWN),
    bad_head("chunks on two lines", CHUNKED, CHUNKED, status=UNKNOWN),
    bad_head("chunks with a comma", b"Transfer-Encoding: chunked,", status=UNKNOWN),
    bad_head("chunks after a comma", b"Transfer-Encoding: ,chunked", status=UNKNOWN),
    bad_head("chunks with a parameter", b"Transfer-Encoding: chunked;a=b", status=UNKNOWN),
    bad_head("chunks before a tab", b"Transfer-Encoding: chunked\t", status=UNKNOWN),
    bad_head("almost chunks", b"Transfer-Encoding: x-chunked", status=UNKNOWN),
    bad_head("quoted chunks", b'Transfer-Encoding: "chunked"', status=UNKNOWN),
    bad_head("identity", b"Transfer-Encoding: identity", status=UNKNOWN),
    bad_head("an empty coding", b"Transfer-Encoding:"),
    bad_head("chunks with a vertical tab", b"Transfer-Encoding: chunked\x0b"),
    bad_head("chunks after a vertical tab", b"Transfer-Encoding: \x0bchunked"),
    bad_head("chunks on a folded line", b"Transfer-Encoding:\r\n chunked"),
    bad_head("chunks with a space before the colon", b"Transfer-Encoding : chunked"),
    bad_head(
        "an upgrade with a length and chunks", b"Upgrade: h2c", b"Connection: upgrade", b"Content-Length: 3", CHUNKED
    ),
    bad(
        "a smuggled request after a length and chunks",
        BAD,
        get(b"/", b"Content-Length: 4", CHUNKED, method=b"POST", body=b"0\r\n\r\n" + get(b"/hello")),
    ),
    bad(
        "a body that is too large by its length",
        ENTITY,
        get(b"/", b"Content-Length: 300000", method=b"POST", body=b"abc"),
    ),
    bad(
        "a body that is too large and waits",
        ENTITY,
        get(b"/", b"Content-Length: 300000", b"Expect: 100-continue", method=b"POST"),
    ),
    bad_body(
        "a body that is too large by its chunks",
        b"20000\r\n" + b"a" * 0x20000 + b"\r\n20000\r\n" + b"a" * 0x20000,
        status=ENTITY,
    ),
    bad_body("a chunk without a size", b"\r\nabc\r\n"),
    bad_body("a chunk of a size that is no number", b"g\r\nabc\r\n"),
    bad_body("a chunk of a negative size", b"-3\r\nabc\r\n"),
    bad_body("a chunk with a prefix to its size", b"0x3\r\nabc\r\n0\r\n\r\n"),
    bad_body("a chunk of a size beyond 64 bits", b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    bad_body("a space before a chunk's size", b" 3\r\nabc\r\n0\r\n\r\n"),
    bad_body("a bare line feed after a chunk's size", b"3\nabc\r\n0\r\n\r\n"),
    bad_body("a bare carriage return after a chunk's size", b"3\rabc\r\n0\r\n\r\n"),
    bad_body("a bare line feed after a chunk", b"3\r\nabc\n0\r\n\r\n"),
    bad_body("a chunk that is longer than its size", b"3\r\nabcd\r\n0\r\n\r\n"),
    bad_body("a bare line feed after the last chunk's size", b"3\r\nabc\r\n0\n\r\n"),
    bad_body("a bare line feed in an extension", b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
    bad_body("a nul in an extension", b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
    bad_body("a bare line feed after a trailer", b"0\r\nX: a\n\r\n"),
    bad_body("a bare carriage return in a trailer", b"0\r\nX: a\rY: b\r\n\r\n"),
    bad_body("a nul in a trailer", b"0\r\nX: a\0\r\n\r\n"),
    bad_body("a space before the colon of a trailer", b"0\r\nX : a\r\n\r\n"),
    bad_body("a length in a trailer", b"0\r\nContent-Length: 3\r\n\r\n"),
    bad_body("a coding in a trailer", b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    bad_body("too many trailers", b"0\r\n" + b"X: a\r\n" * 200 + b"\r\n", status=TOO_LARGE),
    bad_body("extensions that are longer than what they extend", b"1;" + b"a" * 100_000 + b"\r\nx\r\n0\r\n\r\n"),
]

REFUSED = [*BAD_LINES, *BAD_FIELDS, *BAD_FRAMING]
