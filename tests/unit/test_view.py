"""Views on threads: what they are given, what they may return, and what becomes of what they raise."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from tests.case import UnitTestCase
from tests.unit.child import in_child


def many_views() -> dict[str, Any]:
    """Runs in a child: what each view has answered, as status, fields and body, or the error that went through."""
    from io import BytesIO

    from django.conf import settings
    from django.core.exceptions import PermissionDenied, SuspiciousOperation
    from django.core.signals import request_finished, request_started
    from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.template.response import SimpleTemplateResponse
    from django.urls import get_script_prefix, set_script_prefix

    from duck_tx.gateway.view import ViewApplication, configure
    from tests.unit.logged import logged_lines

    configure()
    key = settings.SECRET_KEY
    configure()
    said: list[str] = []
    request_started.connect(lambda **_: said.append("started"), weak=False)
    request_finished.connect(lambda **_: said.append("finished"), weak=False)

    def answer(view: Any, *, debug: bool = False, **environ: Any) -> Any:
        given: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/a/b",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "name=duck",
            "SERVER_NAME": "duck.example",
            "SERVER_PORT": "80",
            "HTTP_HOST": "other.example",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(environ.pop("body", b"")),
        }
        head: list[Any] = []
        try:
            response: Any = ViewApplication(view, "Hello.view", lambda: debug)(
                given | environ, lambda status, fields: head.append((status, dict(fields)))
            )
            body = b"".join(response).decode()
            response.close()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return [*head[0], body]

    def boom(request: Any) -> None:
        raise LookupError("lost")

    def refuse(error: type[Exception]) -> Any:
        def view(request: Any) -> None:
            raise error("why")

        return view

    def cookie(request: Any) -> HttpResponse:
        response = HttpResponse("c", status=201)
        response.set_cookie("a", "1")
        return response

    def template(request: Any) -> SimpleTemplateResponse:
        class Template:
            """A backend's, as far as a response knows it."""

            def render(self, context: dict[str, Any], request: Any) -> str:
                return f"<p>{context['x']}</p>"

        return SimpleTemplateResponse(Template(), {"x": 1})

    noted: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        noted.append(record.getMessage())
        return False

    logging.getLogger("django.security.SuspiciousOperation").addFilter(note)
    set_script_prefix("/elsewhere/")
    found = {
        "text": answer(lambda request: f"hello {request.GET['name']} at {request.path}"),
        "bytes": answer(lambda request: b"\xc3\xa4"),
        "dict": answer(lambda request: {"a": [1, None]}),
        "list": answer(lambda request: [1, 2]),
        "json": answer(lambda request: JsonResponse({"b": 2}, status=202)),
        "stream": answer(lambda request: StreamingHttpResponse(["a", "b"])),
        "cookie": answer(cookie),
        "none": answer(lambda request: None),
        "number": answer(lambda request: 7),
        "mounted": answer(lambda request: [request.path, request.path_info], SCRIPT_NAME="/api", PATH_INFO="/x"),
        "prefix": answer(lambda request: get_script_prefix(), SCRIPT_NAME="/api"),
        "host": answer(lambda request: request.build_absolute_uri()),
        "form": answer(
            lambda request: dict(request.POST.items()),
            REQUEST_METHOD="POST",
            CONTENT_TYPE="application/x-www-form-urlencoded",
            CONTENT_LENGTH="7",
            body=b"a=1&b=2",
        ),
        "404": answer(refuse(Http404)),
        "403": answer(refuse(PermissionDenied)),
        "400": answer(refuse(SuspiciousOperation)),
        "error": answer(boom),
    }
    found["template"] = answer(template)
    found["noted"] = noted
    found["signals"] = [said.count("started"), said.count("finished")]
    with logged_lines() as lines:
        found["page"] = answer(boom, debug=True)
    found["lines"] = lines
    found["settings"] = [key == settings.SECRET_KEY, len(key)]
    settings.SECRET_KEY = ""
    with logged_lines():
        found["bare"] = answer(boom, debug=True)
    return found


@cache
def _report() -> dict[str, Any]:
    report: dict[str, Any] = in_child(many_views)
    return report


class ViewTests(UnitTestCase):
    def body(self, name: str) -> str:
        status, _, body = _report()[name]
        self.assertEqual(status, "200 OK", name)
        return str(body)

    def test_it_is_given_a_request_of_django_s(self) -> None:
        self.assertEqual(self.body("text"), "hello duck at /a/b")
        self.assertEqual(self.body("form"), '{"a": "1", "b": "2"}')

    def test_where_nobody_else_has_settings_any_host_is_answered(self) -> None:
        self.assertEqual(self.body("host"), "http://other.example/a/b?name=duck")

    def test_those_settings_are_made_once_with_a_key_of_their_own(self) -> None:
        is_kept, length = _report()["settings"]
        self.assertTrue(is_kept)
        self.assertGreater(length, 50)

    def test_text_and_bytes_are_a_page(self) -> None:
        for name, body in (("text", "hello duck at /a/b"), ("bytes", "ä")):
            self.assertEqual(self.body(name), body)
            self.assertEqual(_report()[name][1]["Content-Type"], "text/html; charset=utf-8")

    def test_dicts_and_lists_are_json(self) -> None:
        for name, body in (("dict", '{"a": [1, null]}'), ("list", "[1, 2]")):
            self.assertEqual(self.body(name), body)
            self.assertEqual(_report()[name][1]["Content-Type"], "application/json")

    def test_responses_of_django_s_are_as_they_are(self) -> None:
        self.assertEqual(_report()["json"][::2], ["202 Accepted", '{"b": 2}'])
        self.assertEqual(self.body("stream"), "ab")
        status, fields, _ = _report()["cookie"]
        self.assertEqual((status, fields["Set-Cookie"].strip()), ("201 Created", "a=1; Path=/"))
        self.assertEqual(self.body("template"), "<p>1</p>")

    def test_anything_else_is_an_error_that_says_what_would_be_right(self) -> None:
        for name, kind in (("none", "NoneType"), ("number", "int")):
            self.assertEqual(
                _report()[name],
                f"TypeError: Hello.view returned {kind}; a view returns str or bytes, a dict or list for JSON, or a"
                " response of Django's",
            )

    def test_below_a_prefix_it_knows_the_whole_path_and_what_is_below(self) -> None:
        self.assertEqual(self.body("mounted"), '["/api/x", "/x"]')

    def test_urls_of_the_project_are_the_same_wherever_it_is_mounted(self) -> None:
        self.assertEqual(self.body("prefix"), "/")

    def test_what_refuses_a_request_in_django_does_so_here(self) -> None:
        for name, reason in (("404", "Not Found"), ("403", "Forbidden"), ("400", "Bad Request")):
            status, fields, body = _report()[name]
            self.assertEqual(status, f"{name} {reason}")
            self.assertTrue(body.startswith(f"{name} {reason}\n"), body)
            self.assertEqual(fields["Content-Type"], "text/plain; charset=utf-8")

    def test_what_is_suspicious_is_noted_where_django_notes_it(self) -> None:
        self.assertEqual(_report()["noted"], ["why"])

    def test_what_it_raises_is_for_the_gateway_to_log_and_to_answer(self) -> None:
        self.assertEqual(_report()["error"], "LookupError: lost")

    def test_in_debug_the_page_has_the_traceback_and_the_log_one_entry(self) -> None:
        status, _, body = _report()["page"]
        self.assertEqual(status, "500 Internal Server Error")
        self.assertIn("LookupError", body)
        self.assertIn('raise LookupError("lost")', body.replace("&quot;", '"'))
        self.assertEqual(_report()["lines"], ["GET /a/b: Hello.view failed"])

    def test_where_django_s_own_page_cannot_be_made_there_is_the_traceback_alone(self) -> None:
        status, fields, body = _report()["bare"]
        self.assertEqual((status, fields["Content-Type"]), ("500 Internal Server Error", "text/plain; charset=utf-8"))
        self.assertTrue(body.endswith("LookupError: lost\n"), body)

    def test_connections_to_databases_are_looked_after_around_each(self) -> None:
        started, finished = _report()["signals"]
        self.assertEqual(finished, started)
