"""Three small sites beside a Django site, all in one process tree: ``python microapp.py``.

Each may also stand alone: ``Health(port=8001).run()``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from twisted.internet.task import deferLater

from duck_tx import App, MicroApp


class Health(MicroApp):
    """On a port of its own, which a firewall can keep from strangers."""

    def view(self, request: Any) -> dict[str, object]:
        return {"ok": True, "path": request.path}


class Clock(MicroApp):
    """At ``/clock/`` of the Django site: a coroutine, which holds no thread while it waits."""

    async def async_view(self, request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(self.ticks(), content_type="text/event-stream")

    async def ticks(self) -> AsyncIterator[str]:
        """Three seconds, one by one."""
        from twisted.internet import reactor

        for _ in range(3):
            yield f"data: {time.strftime('%X')}\n\n"
            await deferLater(reactor, 1.0)


class Blog(MicroApp):
    """For another host on the same port."""

    def view(self, request: Any) -> HttpResponse:
        if request.path != "/":
            return HttpResponse("There is no such page.", status=404)
        return HttpResponse(f"<h1>The blog at {request.get_host()}</h1>")


if __name__ == "__main__":
    app = App(port=8000)
    Health(port=8001, parent_app=app)
    Clock(prefix="/clock/", parent_app=app)
    Blog(host="blog.localhost", parent_app=app)
    app.run()
