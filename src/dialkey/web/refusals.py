"""The answer to a Refusal: a calm page for people, problem details (RFC 9457) for programs."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from dialkey.web.http import NO_STORE, page_response, wants_html
from dialkey.web.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalPage(Page):
    """`reason` is a key under `refusal.<reason>` of the catalogue: `title` and `text`."""

    template: ClassVar[str] = "web/refusal.html"

    reason: str
    request_id: str

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {reason: cls(reason=reason, request_id="Qm9vQm9v") for reason in ("not_found", *REASONS.values())}


REASONS = {
    "unavailable": "unavailable",
    "server_error": "server_error",
    "cross_site": "cross_site",
    "too_large": "malformed",
    "media_type": "malformed",
    "malformed": "malformed",
    "wrong_host": "not_found",
}


def answer(request: Request, refusal: Refusal, frames: Frames) -> Response:
    """Never a stack trace, a version or anything of the request."""
    request_id = request.scope.get("dialkey.request_id", "")
    if wants_html(request):
        page = RefusalPage(reason=REASONS.get(refusal.code, "not_found"), request_id=request_id)
        return page_response(page, frames(request, here=""), status=refusal.status)
    title = HTTPStatus(refusal.status).phrase if refusal.status in HTTPStatus._value2member_map_ else "Error"
    body = msgspec.json.encode(
        {"type": "about:blank", "title": title, "status": refusal.status, "code": refusal.code, "instance": request_id}
    )
    return Response(body, refusal.status, dict(NO_STORE), "application/problem+json")
