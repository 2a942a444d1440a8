"""The rules of RFC 6455 and 7692, row by row, however the bytes are cut."""

from __future__ import annotations

import re

from tests.unit.websocket_case import WebSocketCase
from tests.unit.websocket_frames import Frame, close
from tests.unit.websocket_rows import MAX_MESSAGE, ROWS, Row

_BYTE_BY_BYTE = 5000
"""Bytes of what is not too long to be sent one by one."""


class RowTests(WebSocketCase):
    """One test for each row."""

    def has_outcome(self, row: Row, pieces: list[bytes]) -> None:
        talk = self.talk(row.offer, max_message=MAX_MESSAGE)
        talk.send(*pieces)
        code = row.code
        if code is None:
            self.assertEqual((talk.echo.ends, talk.tunnel.closed), ([], False))
            code = 4321
            talk.send(close(code))
        said = talk.said
        *before, last = said.frames
        self.assertEqual([Frame(each.first & 0xBF, each.payload) for each in before], list(row.frames))
        self.assertEqual((last.first, said.close_code), (0x88, code), said.close_reason)
        self.assertTrue(talk.tunnel.closed)
        self.assertEqual([end[0] for end in talk.echo.ends], [code or 1005])
        talk.tunnel.lose()
        self.assertEqual(len(talk.echo.ends), 1)


def _add(row: Row, name: str) -> None:
    def test(self: RowTests) -> None:
        whole = b"".join(row.sent)
        self.has_outcome(row, list(row.sent))
        self.has_outcome(row, [whole])
        if len(whole) <= _BYTE_BY_BYTE:
            self.has_outcome(row, [whole[at : at + 1] for at in range(len(whole))])

    assert not hasattr(RowTests, name), name
    setattr(RowTests, name, test)


for _number, _row in enumerate(ROWS):
    _add(_row, f"test_{_number:03}_" + re.sub("[^a-z0-9]+", "_", f"{_row.section} {_row.name}".lower()))
