"""Files over HTTP: only from our own pages, within bounds, and a calm answer to everything else."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dialkey.web.errors import Refusal
from dialkey.web.uploads import MAX_UPLOAD, read_upload_form


async def upload(request: Request) -> Response:
    try:
        form = await read_upload_form(request)
    except Refusal as refusal:
        return JSONResponse({"code": refusal.code}, refusal.status)
    return JSONResponse({"fields": form.fields, "files": {name: len(one.content) for name, one in form.files.items()}})


APP = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
OURS = {"sec-fetch-site": "same-origin"}


async def post(headers: dict[str, str], **options: object) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="https://id.localhost") as http:
        return await http.post("/upload", headers={**OURS, **headers}, **options)  # type: ignore[arg-type]


async def test_a_form_with_a_file() -> None:
    answer = await post({}, data={"csrf": "token"}, files={"icon": ("icon.png", b"x" * 1000, "image/png")})
    assert answer.json() == {"fields": {"csrf": "token"}, "files": {"icon": 1000}}


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"sec-fetch-site": "cross-site", "content-type": "multipart/form-data; boundary=b"}, b"--b--", 403, "cross_site"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1", 415, "media_type"),
        ({"content-type": "multipart/mixed; boundary=b"}, b"--b--", 415, "media_type"),
        ({"content-type": "multipart/form-data"}, b"--b--", 400, "malformed"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"", 400, "malformed"),
        ({"content-type": "multipart/form-data; boundary=b"}, bytes(MAX_UPLOAD + 1), 413, "too_large"),
    ],
)
async def test_what_is_refused(headers: dict[str, str], content: bytes, status: int, code: str) -> None:
    answer = await post(headers, content=content)
    assert (answer.status_code, answer.json()) == (status, {"code": code})


async def test_a_body_without_a_length_is_cut_off_too() -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while sent < 4 * MAX_UPLOAD:
            sent += 65536
            yield bytes(65536)

    answer = await post({"content-type": "multipart/form-data; boundary=b"}, content=endless())
    assert answer.status_code == 413
