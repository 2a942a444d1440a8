"""The corpus: all exchanges that the server is held to."""

from __future__ import annotations

from tests.integration.corpus_bad import REFUSED
from tests.integration.exchange import (
    CHUNKED,
    FAILED,
    HELLO,
    HOST,
    LAST_ANSWER,
    SEEN,
    answer,
    get,
    kept,
    plain,
    shut,
    streamed,
)
from tests.integration.wire_resource import BIG, FILE

GOOD_REQUESTS = [
    kept("a request is answered and the connection kept", get(b"/hello"), HELLO),
    kept("an empty answer has a length of nothing", get(b"/nothing"), answer(b"", fields=b"")),
    kept("head has the length and no body", get(b"/hello", method=b"HEAD"), answer(b"", length=13)),
    kept(
        "head of a stream has neither length nor chunks",
        get(b"/pieces", method=b"HEAD"),
        b"HTTP/1.1 200 OK\r\nServer: duck_tx\r\nDate: *\r\nContent-Type: text/html\r\n\r\n",
    ),
    kept(
        "three pipelined requests are answered in order",
        get(b"/later") + get(b"/hello") + get(b"/pieces"),
        streamed(b"later") + HELLO + streamed(b"one ", b"two"),
    ),
    kept(
        "pipelined requests with bodies are told apart",
        get(b"/a", b"Content-Length: 3", method=b"POST", body=b"abc")
        + get(b"/b", CHUNKED, method=b"PUT", body=b"2\r\nde\r\n0\r\n\r\n")
        + get(b"/hello"),
        plain(b"POST /a HTTP/1.1", SEEN, b"Content-Length: 3", body=b"abc")
        + plain(b"PUT /b HTTP/1.1", SEEN, CHUNKED, body=b"de")
        + HELLO,
    ),
    kept(
        "a body may be empty",
        get(b"/e", b"Content-Length: 0", method=b"POST"),
        plain(b"POST /e HTTP/1.1", SEEN, b"Content-Length: 0"),
    ),
    kept(
        "a length may have leading zeros",
        get(b"/e", b"Content-Length: 0003", method=b"POST", body=b"abc"),
        plain(b"POST /e HTTP/1.1", SEEN, b"Content-Length: 0003", body=b"abc"),
    ),
    kept(
        "a get may have a body",
        get(b"/e", b"Content-Length: 3", body=b"abc"),
        plain(b"GET /e HTTP/1.1", SEEN, b"Content-Length: 3", body=b"abc"),
    ),
    kept(
        "chunks may have extensions, capitals and leading zeros",
        get(b"/e", CHUNKED, method=b"POST", body=b'003;a=b;c="d"\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n'),
        plain(b"POST /e HTTP/1.1", SEEN, CHUNKED, body=b"abc0123456789"),
    ),
    kept(
        "chunks may hold empty lines",
        get(b"/e", CHUNKED, method=b"POST", body=b"9\r\n\r\n\r\na\r\n\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n"),
        plain(b"POST /e HTTP/1.1", SEEN, CHUNKED, body=b"\r\n\r\na\r\n\r\n\r\n\r\n"),
    ),
    kept(
        "chunks may hold what looks like a request",
        get(b"/e", CHUNKED, method=b"POST", body=b"1c\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n"),
        plain(b"POST /e HTTP/1.1", SEEN, CHUNKED, body=b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ),
    kept(
        "trailers are read and dropped",
        get(b"/e", CHUNKED, method=b"POST", body=b"1\r\na\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n"),
        plain(b"POST /e HTTP/1.1", SEEN, CHUNKED, body=b"a"),
    ),
    kept(
        "the coding's name may have any case and space around it",
        get(b"/e", b"Transfer-Encoding: \t Chunked ", method=b"POST", body=b"1\r\na\r\n0\r\n\r\n"),
        plain(b"POST /e HTTP/1.1", SEEN, b"Transfer-Encoding: Chunked", body=b"a"),
    ),
    kept(
        "whoever expects to be told to continue is told",
        get(b"/e", b"Expect: 100-Continue", b"Content-Length: 0"),
        plain(b"GET /e HTTP/1.1", SEEN, b"Expect: 100-Continue", b"Content-Length: 0"),
    ),
    kept(
        "a body that is there already needs no invitation",
        get(b"/e", b"Expect: 100-continue", b"Content-Length: 2", method=b"POST", body=b"ab"),
        plain(b"POST /e HTTP/1.1", SEEN, b"Expect: 100-continue", b"Content-Length: 2", body=b"ab"),
    ),
    kept(
        "empty lines before a request are passed over",
        b"\r\n\r\n" + get(b"/hello") + b"\r\n" + get(b"/hello"),
        HELLO * 2,
    ),
    kept("a query belongs to the target", get(b"/e?a=1&b=%20"), plain(b"GET /e?a=1&b=%20 HTTP/1.1", SEEN)),
    kept(
        "percent-encoding stays as it is", get(b"/%2e%2E/%41%00?%zz"), plain(b"GET /%2e%2E/%41%00?%zz HTTP/1.1", SEEN)
    ),
    kept("two slashes stay two", get(b"//e//"), plain(b"GET //e// HTTP/1.1", SEEN)),
    kept(
        "odd but printable characters in a target are left alone",
        get(b'/e"<>\\^`{|}'),
        plain(b'GET /e"<>\\^`{|} HTTP/1.1', SEEN),
    ),
    kept(
        "arguments are decoded",
        get(b"/args?a=1&b=%C3%A9&a=+2&c"),
        answer(rb"[(b'a', [b'1', b' 2']), (b'b', [b'\xc3\xa9'])]"),
    ),
    kept(
        "the authority of an absolute target is the host",
        b"GET http://other.example:81/e HTTP/1.1\r\n" + HOST + b"\r\n",
        plain(b"GET /e HTTP/1.1", b"Host: other.example:81"),
    ),
    kept(
        "an absolute target may lack a path",
        b"GET HTTPS://other.example?q HTTP/1.1\r\nX: 1\r\n" + HOST + b"\r\n",
        plain(b"GET /?q HTTP/1.1", b"X: 1", b"Host: other.example"),
    ),
    kept(
        "the options of the server as a whole",
        get(b"*", method=b"OPTIONS"),
        answer(b"", fields=b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
    ),
    kept(
        "the options of an absolute target without a path",
        get(b"http://duck.example", method=b"OPTIONS"),
        answer(b"", fields=b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
    ),
    kept(
        "the options of a path are the resource's", get(b"/e", method=b"OPTIONS"), plain(b"OPTIONS /e HTTP/1.1", SEEN)
    ),
    kept("the methods of WebDAV are handed on", get(b"/e", method=b"PROPFIND"), plain(b"PROPFIND /e HTTP/1.1", SEEN)),
    kept(
        "order and case of fields are kept",
        get(b"/e", b"x-b: 1", b"X-A: 2", b"X-b: 3"),
        plain(b"GET /e HTTP/1.1", SEEN, b"x-b: 1", b"X-A: 2", b"X-b: 3"),
    ),
    kept(
        "space around values is not part of them",
        get(b"/e", b"A:b", b"C: \t d \t", b"E:", b"F: \t"),
        plain(b"GET /e HTTP/1.1", SEEN, b"A: b", b"C: d", b"E: ", b"F: "),
    ),
    kept(
        "tabs and spaces within values are kept",
        get(b"/e", b"A: b\tc  d"),
        plain(b"GET /e HTTP/1.1", SEEN, b"A: b\tc  d"),
    ),
    kept(
        "bytes beyond ascii in values are kept",
        get(b"/e", b"A: caf\xc3\xa9 \xff"),
        plain(b"GET /e HTTP/1.1", SEEN, b"A: caf\xc3\xa9 \xff"),
    ),
    kept(
        "every character of a token may be in a name",
        get(b"/e", b"!#$%&'*+-.^_`|~09Az: 1"),
        plain(b"GET /e HTTP/1.1", SEEN, b"!#$%&'*+-.^_`|~09Az: 1"),
    ),
    kept(
        "a host may be an address of version six",
        b"GET /e HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        plain(b"GET /e HTTP/1.1", b"Host: [::1]:80"),
    ),
    kept("a host's port may be empty", b"GET /e HTTP/1.1\r\nHost: a:\r\n\r\n", plain(b"GET /e HTTP/1.1", b"Host: a:")),
    kept(
        "an upgrade is declined and the body read",
        get(
            b"/e",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABk",
            b"Content-Length: 3",
            method=b"POST",
            body=b"abc",
        )
        + get(b"/hello"),
        plain(
            b"POST /e HTTP/1.1",
            SEEN,
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABk",
            b"Content-Length: 3",
            body=b"abc",
        )
        + HELLO,
    ),
    kept(
        "an upgrade is declined and chunks read",
        get(b"/e", b"Connection: upgrade", b"Upgrade: websocket", CHUNKED, method=b"POST", body=b"1\r\na\r\n0\r\n\r\n")
        + get(b"/hello"),
        plain(b"POST /e HTTP/1.1", SEEN, b"Connection: upgrade", b"Upgrade: websocket", CHUNKED, body=b"a") + HELLO,
    ),
    kept(
        "an upgrade without a body is declined",
        get(b"/hello", b"Connection: upgrade", b"Upgrade: h2c") + get(b"/hello"),
        HELLO * 2,
    ),
]

ENDINGS = [
    shut("a client that closes is closed", get(b"/hello", b"Connection: close") + get(b"/hello"), LAST_ANSWER),
    shut("closing is one of several options", get(b"/hello", b"Connection: x, Close"), LAST_ANSWER),
    shut(
        "what comes after the last request is not read",
        get(b"/hello", b"Connection: close") + b"\0\1\2 garbage",
        LAST_ANSWER,
    ),
    shut("version 1.0 closes", get(b"/hello", version=b"1.0"), LAST_ANSWER),
    shut("version 1.0 needs no host", b"GET /hello HTTP/1.0\r\n\r\n", LAST_ANSWER),
    kept(
        "version 1.0 keeps the connection when asked",
        get(b"/hello", b"Connection: keep-alive", version=b"1.0"),
        answer(b"Hello, world!", connection=b"keep-alive"),
    ),
    shut(
        "a stream to version 1.0 ends with the connection",
        get(b"/pieces", b"Connection: keep-alive", version=b"1.0"),
        b"HTTP/1.1 200 OK\r\nServer: duck_tx\r\nDate: *\r\nContent-Type: text/html\r\nConnection: close\r\n\r\none two",
    ),
    kept(
        "version 1.0 may send a body",
        get(b"/e", b"Connection: keep-alive", b"Content-Length: 1", version=b"1.0", body=b"a"),
        plain(
            b"GET /e HTTP/1.0",
            SEEN,
            b"Connection: keep-alive",
            b"Content-Length: 1",
            body=b"a",
            connection=b"keep-alive",
        ),
    ),
    kept(
        "head of a stream in version 1.0 keeps the connection",
        get(b"/pieces", b"Connection: keep-alive", method=b"HEAD", version=b"1.0"),
        b"HTTP/1.1 200 OK\r\nServer: duck_tx\r\nDate: *\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n\r\n",
    ),
    shut(
        "an expectation of version 1.0 is passed over",
        get(b"/e", b"Expect: 100-continue", b"Content-Length: 1", method=b"POST", version=b"1.0", body=b"a"),
        plain(b"POST /e HTTP/1.0", SEEN, b"Expect: 100-continue", b"Content-Length: 1", body=b"a", connection=b"close"),
    ),
]

RESPONSES = [
    kept("pieces go out in chunks", get(b"/pieces"), streamed(b"one ", b"two")),
    kept("what a pull producer makes", get(b"/pull"), streamed(b"one ", b"two ", b"three")),
    kept("what a push producer makes", get(b"/push"), answer(BIG[:40_000] * 2 + BIG[:20_000])),
    kept("a big body", get(b"/big"), answer(BIG)),
    kept("a deferred answer", get(b"/later"), streamed(b"later")),
    kept("a length that the resource set", get(b"/fixed"), answer(b"0123456789")),
    kept("head with a length that the resource set", get(b"/fixed", method=b"HEAD"), answer(b"", length=10)),
    shut("a body that is too short ends with the connection", get(b"/short"), answer(b"0123", length=10)),
    kept("a body that is too long is cut", get(b"/long"), answer(b"0123")),
    kept("a length that is no number is an error", get(b"/wrong-length"), FAILED),
    kept(
        "fields about the connection are not the resource's",
        get(b"/hop-by-hop"),
        answer(b"ok", fields=b"X-Kept: 1\r\nContent-Type: text/html\r\n"),
    ),
    kept(
        "line ends in a value become a space",
        get(b"/split"),
        answer(b"ok", fields=b"X-Split: a Set-Cookie: b=c  <p>\r\nContent-Type: text/html\r\n"),
    ),
    kept("a nul in a value is an error", get(b"/nul"), FAILED),
    kept(
        "bytes beyond ascii in a value",
        get(b"/obs-text"),
        answer(b"ok", fields=b"X-Text: caf\xe9\r\nContent-Type: text/html\r\n"),
    ),
    kept(
        "a date and server of the resource's own",
        get(b"/own-date"),
        answer(b"ok", own=b"", fields=b"Date: *\r\nServer: mine\r\nContent-Type: text/html\r\n"),
    ),
    kept("status 100 is not final", get(b"/status-100"), FAILED),
    kept("status 101 is not final", get(b"/status-101"), FAILED),
    kept("status 600 is no status", get(b"/status-600"), FAILED),
    kept(
        "status 204 has no body and no length",
        get(b"/status-204"),
        b"HTTP/1.1 204 No Content\r\nServer: duck_tx\r\nDate: *\r\n\r\n",
    ),
    kept(
        "status 304 has no body",
        get(b"/status-304"),
        b"HTTP/1.1 304 Not Modified\r\nServer: duck_tx\r\nDate: *\r\n\r\n",
    ),
    kept("any reason phrase", get(b"/status-299"), answer(b"body", status=b"299 Quite Right")),
    kept("a reason phrase with line ends is an error", get(b"/reason-split"), FAILED),
    kept("an answer that is not bytes is an error", get(b"/number"), FAILED),
    kept("a resource that fails", get(b"/fail"), FAILED),
    kept(
        "head of a resource that fails", get(b"/fail", method=b"HEAD"), FAILED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    ),
    kept("a producer that fails before it began", get(b"/unbegun"), FAILED),
    kept(
        "a cookie is set",
        get(b"/cookie"),
        answer(b"you sent none", fields=b"Content-Type: text/html\r\nSet-Cookie: seen=yes; Path=/\r\n"),
    ),
    kept(
        "a cookie is read",
        get(b"/cookie", b"Cookie: a=b; seen=before"),
        answer(b"you sent before", fields=b"Content-Type: text/html\r\nSet-Cookie: seen=yes; Path=/\r\n"),
    ),
    kept("pieces and stretches of files", get(b"/parts"), answer(b"<" + FILE[10:15] + b"|" + BIG[:50_000] + b">")),
    kept(
        "a tag that matches",
        get(b"/tagged", b'If-None-Match: "tag"'),
        b'HTTP/1.1 304 Not Modified\r\nServer: duck_tx\r\nDate: *\r\nETag: "tag"\r\n\r\n',
    ),
]

CORPUS = [*GOOD_REQUESTS, *ENDINGS, *RESPONSES, *REFUSED]
