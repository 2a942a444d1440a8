"""The page that is shown for every path while the project cannot be loaded, or there is no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

from twisted.web.server import NOT_DONE_YET

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.response import serialise, status_line
from duck_tx.reload.trace import Frame, Line, Trouble

__all__ = ["TroublePage", "as_html", "as_plain", "notice"]

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><div>
<p class="state">{state}</p>
<h1>{title}</h1>
<p class="headline">{headline}</p>
<p class="hint">{hint}</p>
</div></header>
<main>
{body}
</main>
{tag}
</body>
</html>
"""


class TroublePage(LeafResource):
    """Answers 500 with a traceback, in HTML or plain text.

    :param headline: what is wrong, in a line.
    :param found: the exceptions, the last one first.
    :param tag: what makes the page refresh itself, of this moment.
    """

    def __init__(self, headline: str, found: Sequence[Trouble], tag: Callable[[], str]) -> None:
        self._headline = headline
        self._found = found
        self._tag = tag

    def render(self, request: Request) -> int:
        """Show it."""
        wants_html = "text/html" in (request.getHeader("accept") or "")
        text = (
            as_html(self._headline, self._found, self._tag()) if wants_html else as_plain(self._headline, self._found)
        )
        kind = b"text/html; charset=utf-8" if wants_html else b"text/plain; charset=utf-8"
        fields = [(b"Content-Type", kind), (b"Cache-Control", b"no-store"), (b"Vary", b"Accept")]
        request.send(status_line(500), 500, serialise(fields), text.encode("utf-8", "backslashreplace"))
        return NOT_DONE_YET


def as_plain(headline: str, found: Sequence[Trouble]) -> str:
    """For terminals."""
    lines = [f"500 The project could not be loaded: {headline}", ""]
    for trouble in found:
        lines += [f"{trouble.kind}: {trouble.message}"]
        for frame in trouble.frames:
            lines += [f"  {frame.file}, line {frame.number}{f', in {frame.function}' if frame.function else ''}"]
            lines += [f"    {line.text.strip()}" for line in frame.lines if line.is_it]
        lines += [""]
    return "\n".join(lines)


def as_html(headline: str, found: Sequence[Trouble], tag: str) -> str:
    """For browsers; all that comes from elsewhere is escaped, but for ``tag``."""
    title = "Error"
    if found:
        own = [frame for frame in found[0].frames if frame.is_own] or list(found[0].frames)
        title = found[0].kind + (f" in {own[0].file}" if own else "")
    body = "\n".join(_trouble(number, each) for number, each in enumerate(found))
    hint = "This page refreshes itself as soon as a saved file mends it."
    return _page("The project could not be loaded", title, headline, hint, body, tag)


def notice(headline: str, tag: str) -> str:
    """For browsers, while there is nobody else to answer; ``tag`` alone is not escaped."""
    hint = "It is started again at the next change of a file, and this page loads again then. The log may say more."
    return _page("There is no server at present", headline, "", hint, "", tag)


def _page(state: str, title: str, headline: str, hint: str, body: str, tag: str) -> str:
    style = Path(__file__).with_name("page.css").read_text("utf-8")
    return _PAGE.format(
        state=state, title=escape(title), headline=escape(headline), hint=hint, style=style, body=body, tag=tag
    )


def _trouble(number: int, trouble: Trouble) -> str:
    before = '<h2 class="before">Before that</h2>' if number else ""
    frames = "\n".join(_frames(trouble.frames))
    return (
        f"<section>{before}<h2>{escape(trouble.kind)}</h2>"
        f'<p class="message">{escape(trouble.message)}</p>\n{frames}</section>'
    )


def _frames(frames: Sequence[Frame]) -> Iterator[str]:
    """The project's frames open, the others closed."""
    for frame in frames:
        where = f"<b>{escape(frame.file)}</b>, line {frame.number}"
        if frame.function:
            where += f", in <code>{escape(frame.function)}</code>"
        lines = "".join(_line(line) for line in frame.lines)
        state = " open" if frame.is_own else ""
        yield f"<details{state}><summary>{where}</summary><pre>{lines}</pre></details>"


def _line(line: Line) -> str:
    marked = ' class="it"' if line.is_it else ""
    text = escape(line.text)
    if 0 < line.caret <= len(line.text):
        at = line.caret - 1
        text = f"{escape(line.text[:at])}<mark>{escape(line.text[at])}</mark>{escape(line.text[at + 1 :])}"
    return f"<span{marked}><i>{line.number}</i>{text}\n</span>"
