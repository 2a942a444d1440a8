"""What goes through this proxy, nginx and haproxy, and why we do something else than one of them."""

from __future__ import annotations

from typing import NamedTuple

from tests.integration.test_proxy import CHUNKED, get

__all__ = ["REQUESTED", "REQUESTS", "RESPONSES", "Reasons"]


class Asked(NamedTuple):
    """A request."""

    name: str
    sent: bytes


BOTH = ("nginx", "haproxy")

Reasons = dict[str, tuple[tuple[str, ...], str]]
"""By the name of a row: who does something else, and why we do not."""


_AMBIGUOUS = "a message that can be read in two ways is read by two programs in two ways (RFC 9112 11.2)"
_IN_TIME = "what came before the fault has gone out by then, or has not"
_MALFORMED = "a server that sends this is broken, and what it meant is a guess (RFC 9112 2.2)"

RESPONSES: Reasons = {
    "chunks that HEAD would have had": (BOTH, "without content there is nothing to be framed (RFC 9112 6.1)"),
    "a huge field": (BOTH, "their limits are others"),
    "a head without an end": (BOTH, "their limits are others"),
    "too many fields": (BOTH, "they have no such limit"),
    "too many interim responses": (BOTH, "they drop interim responses, or wait on; 502 says who is to blame"),
    "chunk extensions without an end": (BOTH, "they have no such limit"),
    "too many trailers": (BOTH, "they have no such limit"),
    "a bad chunk": (BOTH, _IN_TIME),
    "a chunk longer than it says": (BOTH, _IN_TIME),
    "half a chunk": (BOTH, _IN_TIME),
    "half a last chunk": (BOTH, _IN_TIME),
    "no last chunk": (BOTH, _IN_TIME),
    "less than the length and a reset": (BOTH, _IN_TIME),
    "silence within the body": (BOTH, _IN_TIME),
    "silence within a chunk": (BOTH, _IN_TIME),
    "nothing after an interim response": (
        ("nginx",),
        "it takes the first response for the last one",
    ),
    "silence after an interim response": (
        ("nginx",),
        "it takes the first response for the last one",
    ),
    "a reset instead of an end": (("haproxy",), "a reset is no end (RFC 9112 8)"),
    "not HTTP": (("nginx",), "it takes it for HTTP/0.9, which nobody speaks any more"),
    "HTTP/0.9": (("nginx",), "nobody speaks it any more"),
    "HTTP/2": (BOTH, "no such message is HTTP/1.1"),
    "lines that end in LF": (BOTH, _AMBIGUOUS),
    "a folded field": (("haproxy",), _AMBIGUOUS),
    "a control character": (BOTH, _MALFORMED),
    "a NUL": (("haproxy",), _MALFORMED),
    "two lengths": (("nginx",), _AMBIGUOUS),
    "a length twice": (BOTH, _AMBIGUOUS),
    "a list of lengths": (BOTH, _AMBIGUOUS),
    "a negative length": (("nginx",), _MALFORMED),
    "a length and chunks": (BOTH, _AMBIGUOUS),
    "chunks in HTTP/1.0": (BOTH, _AMBIGUOUS),
    "another transfer coding": (("nginx",), "the client would get content that it cannot read"),
    "chunked twice": (("nginx",), "the client would get content that it cannot read"),
    "a bad chunk at once": (BOTH, "they have begun the response by then; 502 tells the client more"),
    "a huge chunk size": (BOTH, "they have no such limit"),
    "a status of four digits": (BOTH, _MALFORMED),
    "a status beyond 599": (BOTH, "no client knows what it means (RFC 9110 15)"),
    "a status below 100": (BOTH, _MALFORMED),
    "101 without being asked": (("nginx",), "the client would read another protocol as HTTP (RFC 9110 15.2.2)"),
    "101 with nothing in it": (("nginx",), "the client would read another protocol as HTTP (RFC 9110 15.2.2)"),
}

SETTINGS = (b"HTTP2-Settings: a",)

REQUESTS = (
    Asked("a plain request", get(b"/a%20b/%2e/c?d=%20&e?f")),
    Asked("slashes and dots", get(b"//a/./b/../c;d")),
    Asked("a path that climbs", get(b"/../a")),
    Asked("an absolute target", get(b"http://duck.example/a?b")),
    Asked("an absolute target of another host", get(b"http://other.example/a")),
    Asked("a fragment", get(b"/a#b")),
    Asked("a byte beyond ASCII", get(b"/\xc3\xbc")),
    Asked("HEAD", get(b"/a", method=b"HEAD")),
    Asked("OPTIONS for the whole server", get(b"*", method=b"OPTIONS")),
    Asked("TRACE", get(b"/a", method=b"TRACE")),
    Asked("an unknown method", get(b"/a", method=b"BREW")),
    Asked("a method in lower case", get(b"/a", method=b"get")),
    Asked("fields in order", get(b"/a", b"X-B: 1", b"X-A: 2", b"x-b: 3", b"Accept: */*")),
    Asked("blanks around a value", get(b"/a", b"X:  a b \t")),
    Asked("a value beyond ASCII", get(b"/a", b"X: \xc3\xbc\xff")),
    Asked("an empty value", get(b"/a", b"X:")),
    Asked("two cookies", get(b"/a", b"Cookie: a=b", b"Cookie: c=d")),
    Asked("a name with an underscore", get(b"/a", b"X_A: b")),
    Asked("a proxy for scripts", get(b"/a", b"Proxy: http://evil.example")),
    Asked("fields about the connection", get(b"/a", b"Keep-Alive: 5", b"Proxy-Connection: x", b"TE: trailers")),
    Asked("fields that Connection names", get(b"/a", b"Connection: close, X-Mine", b"X-Mine: a")),
    Asked("an upgrade to HTTP/2", get(b"/a", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", *SETTINGS)),
    Asked("a body", get(b"/a", b"Content-Length: 3", method=b"POST") + b"abc"),
    Asked("an empty body", get(b"/a", b"Content-Length: 0", method=b"POST")),
    Asked("no body where one might be", get(b"/a", method=b"POST")),
    Asked("a body of GET", get(b"/a", b"Content-Length: 3") + b"abc"),
    Asked("chunks", get(b"/a", CHUNKED, method=b"POST") + b"3;x=y\r\nabc\r\n0\r\n\r\n"),
    Asked("trailers", get(b"/a", CHUNKED, method=b"POST") + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
    Asked("a body that waits", get(b"/a", b"Expect: 100-continue", b"Content-Length: 3", method=b"POST") + b"abc"),
    Asked("another expectation", get(b"/a", b"Expect: x")),
    Asked("HTTP/1.0", b"GET /a HTTP/1.0\r\nHost: duck.example\r\n\r\n"),
    Asked("HTTP/1.0 without a host", b"GET /a HTTP/1.0\r\n\r\n"),
    Asked("no host", b"GET /a HTTP/1.1\r\n\r\n"),
    Asked("two hosts", get(b"/a", b"Host: duck.example")),
    Asked("two different hosts", get(b"/a", b"Host: other.example")),
    Asked("a malformed host", b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n"),
    Asked("two lengths", get(b"/a", b"Content-Length: 3", b"Content-Length: 4", method=b"POST") + b"abcd"),
    Asked("a length twice", get(b"/a", b"Content-Length: 3", b"Content-Length: 3", method=b"POST") + b"abc"),
    Asked("a length with a sign", get(b"/a", b"Content-Length: +3", method=b"POST") + b"abc"),
    Asked("a length and chunks", get(b"/a", b"Content-Length: 3", CHUNKED, method=b"POST") + b"0\r\n\r\n"),
    Asked("chunked twice", get(b"/a", b"Transfer-Encoding: chunked, chunked", method=b"POST") + b"0\r\n\r\n"),
    Asked("another coding", get(b"/a", b"Transfer-Encoding: gzip", method=b"POST") + b"abc"),
    Asked("chunks in HTTP/1.0", b"POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Asked("a bad chunk", get(b"/a", CHUNKED, method=b"POST") + b"xyz\r\n"),
    Asked("a folded field", get(b"/a", b"X: a\r\n b")),
    Asked("a blank before the colon", get(b"/a", b"X : a")),
    Asked("a control character", get(b"/a", b"X: a\x01b")),
    Asked("a NUL", get(b"/a", b"X: a\0b")),
    Asked("a bare CR", get(b"/a", b"X: a\rb")),
    Asked("lines that end in LF", b"GET /a HTTP/1.1\nHost: duck.example\n\n"),
    Asked("no field name", get(b"/a", b": a")),
    Asked("a line that is no field", get(b"/a", b"abc")),
    Asked("two blanks in the first line", b"GET  /a HTTP/1.1\r\nHost: duck.example\r\n\r\n"),
    Asked("HTTP/1.2", b"GET /a HTTP/1.2\r\nHost: duck.example\r\n\r\n"),
    Asked("HTTP/2 in words", b"GET /a HTTP/2.0\r\nHost: duck.example\r\n\r\n"),
)  # fmt: skip

_STRICT = "what one program takes for something else than another is how requests are smuggled (RFC 9112 11.2)"
_LAX = "RFC 9112 has the server refuse it"

REQUESTED: Reasons = {
    "a path that climbs": (("haproxy",), "behind a prefix or a base path it would lead out of it"),
    "an absolute target": (("haproxy",), "servers need not know that form of a proxy's request"),
    "an absolute target of another host": (BOTH, "the target counts, and replaces Host (RFC 9112 3.2.2)"),
    "a fragment": (("nginx",), "no target has one (RFC 9112 3.2)"),
    "a byte beyond ASCII": (("nginx",), "no target has one (RFC 9112 3.2)"),
    "OPTIONS for the whole server": (BOTH, "the server that was asked is this one (RFC 9110 9.3.7)"),
    "TRACE": (("nginx",), "a server may have its reasons to answer it"),
    "an unknown method": (BOTH, "the parser knows those that are registered, and no others"),
    "a method in lower case": (BOTH, "it is another method (RFC 9110 9.1), which is not known"),
    "a name with an underscore": (("haproxy",), "servers take it for the name with a hyphen"),
    "a proxy for scripts": (BOTH, "CGI programs take it for their own setting"),
    "fields about the connection": (BOTH, "they are not to be handed on; trailers may be, as they are here"),
    "fields that Connection names": (BOTH, "they are not to be handed on (RFC 9110 7.6.1)"),
    "an upgrade to HTTP/2": (BOTH, "the server would be asked things that no proxy has seen"),
    "trailers": (("nginx",), "they may mean something to the server (RFC 9110 6.5)"),
    "a body that waits": (("nginx",), "the server is the one who knows whether it wants the body (RFC 9110 10.1.1)"),
    "another expectation": (BOTH, "nobody here can meet it (RFC 9110 10.1.1)"),
    "HTTP/1.0": (("haproxy",), "a proxy speaks its own version (RFC 9110 6.2)"),
    "HTTP/1.0 without a host": (BOTH, "HTTP/1.1 needs one: the server gets its own name"),
    "no host": (("haproxy",), _LAX),
    "two hosts": (("haproxy",), _LAX),
    "a malformed host": (("haproxy",), _LAX),
    "a length twice": (("haproxy",), _STRICT),
    "a length and chunks": (("haproxy",), _STRICT),
    "chunked twice": (("haproxy",), "501 says what is wrong (RFC 9112 6.1)"),
    "another coding": (("haproxy",), "501 says what is wrong (RFC 9112 6.1)"),
    "chunks in HTTP/1.0": (("haproxy",), _STRICT),
    "a folded field": (("haproxy",), _STRICT),
    "a control character": (BOTH, _STRICT),
    "a NUL": (("haproxy",), _STRICT),
    "lines that end in LF": (BOTH, _STRICT),
    "a line that is no field": (("nginx",), _STRICT),
    "two blanks in the first line": (BOTH, _STRICT),
    "HTTP/1.2": (BOTH, "there is no such version"),
    "HTTP/2 in words": (("haproxy",), "no such message is HTTP/1.1"),
}
