"""Views that show what arrived, and views whose responses are hard on a server."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt


def some_bytes(request: HttpRequest, count: int) -> HttpResponse:
    """``count`` bytes, the same each time."""
    pattern = bytes(range(256))
    body = pattern * (count // 256) + pattern[: count % 256]
    return HttpResponse(body, content_type="application/octet-stream")


@csrf_exempt
def upload(request: HttpRequest) -> JsonResponse:
    """Size and SHA-256 of each file of a form, or of the whole body if it is not one."""
    if not request.content_type.startswith("multipart/"):
        digest, size = _digest(iter(lambda: request.read(65536), b""))
        return JsonResponse({"size": size, "sha256": digest})
    files = []
    for field, sent in request.FILES.items():
        digest, size = _digest(sent.chunks())
        files.append({"field": field, "name": sent.name, "size": size, "sha256": digest})
    return JsonResponse({"files": files, "fields": request.POST.dict()})


@csrf_exempt
def upload_to_media(request: HttpRequest) -> JsonResponse:
    """Keep the ``file`` of a form below MEDIA_ROOT, and say at which URL it is served."""
    name = default_storage.save(request.FILES["file"].name, request.FILES["file"])
    return JsonResponse({"url": default_storage.url(name)})


@csrf_exempt
def echo(request: HttpRequest, rest: str = "") -> JsonResponse:
    """The request as Django sees it."""
    body = request.body
    seen: dict[str, Any] = {
        "method": request.method,
        "path_info": request.path_info,
        "path": request.path,
        "rest": rest,
        "query": {key: request.GET.getlist(key) for key in request.GET},
        "post": {key: request.POST.getlist(key) for key in request.POST},
        "cookies": dict(request.COOKIES),
        "headers": dict(request.headers),
        "is_secure": request.is_secure(),
        "host": request.get_host(),
        "absolute_uri": request.build_absolute_uri(),
        "remote_addr": request.META.get("REMOTE_ADDR"),
        "meta": {
            key: value
            for key, value in request.META.items()
            if key not in os.environ and isinstance(value, (str, bool, int))
        },
        "body_size": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    return JsonResponse(seen)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """``?chunks=`` lines (10) of ``?size=`` bytes (100), ``?delay=`` seconds (0) apart.

    With ``?fail=N`` the generator raises before line N.
    """
    chunks, size = int(request.GET.get("chunks", "10")), int(request.GET.get("size", "100"))
    delay, fail = float(request.GET.get("delay", "0")), int(request.GET.get("fail", "-1"))

    def lines() -> Iterator[bytes]:
        for number in range(chunks):
            if number == fail:
                raise RuntimeError(f"this stream fails before line {number}")
            if delay and number:
                time.sleep(delay)
            yield f"{number:06d} ".encode().ljust(size - 1, b".") + b"\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


def file(request: HttpRequest) -> FileResponse:
    """This source file, or with ``?memory=N`` a file of N bytes that has no descriptor."""
    in_memory = request.GET.get("memory")
    if in_memory is not None:
        return FileResponse(io.BytesIO(b"m" * int(in_memory)), filename="memory.bin", as_attachment=True)
    return FileResponse(open(__file__, "rb"), filename="wire.txt")


def split_response(request: HttpRequest) -> HttpResponse:
    """A line end where Django does not look for one: ``?where=`` reason, cookie or header.

    No server may let this become a header of its own, let alone a second response.
    """
    evil = "\r\nX-Injected: yes\r\n\r\n<h1>injected</h1>"
    response = HttpResponse("fine", content_type="text/plain")
    match request.GET.get("where"):
        case "reason":
            response.reason_phrase = "OK" + evil
        case "cookie":
            response.set_cookie("a", "b", path="/" + evil)
        case "name":
            response.headers._store["x-evil"] = ("X-Evil: 1\r\nX-Injected", "yes")
        case _:
            response.headers._store["x-evil"] = ("X-Evil", "1" + evil)
    return response


def _digest(chunks: Iterator[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
