"""Problem details (RFC 9457): every code that the API answers with, its status and its words.

`type` is the address of the code in our own reference, `/api/problems#<code>`. Codes are stable; titles and details are
for people. `errors` says where in the body or the query the fault is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from dialkey.developers.faults import URI_FAULTS
from dialkey.developers.jwks import FAULTS as KEY_FAULTS
from dialkey.web.errors import Refusal
from dialkey.web.http import NO_STORE

PAGE = "/api/problems"
MEDIA_TYPE = "application/problem+json"
_encode = msgspec.json.Encoder().encode


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a request cannot stand, and why."""

    code: Annotated[str, Meta(description="Stable; the reference of problems lists it.")]
    detail: Annotated[str, Meta(description="For people.")]
    pointer: Annotated[str, Meta(description="A JSON pointer (RFC 6901) into the body.")] | None = None
    parameter: Annotated[str, Meta(description="The query parameter or header.")] | None = None


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused (RFC 9457)."""

    type: Annotated[
        str, Meta(description="The address of the code's words.", examples=["/api/problems#no_such_product"])
    ]
    title: Annotated[str, Meta(description="The same words for every problem with this code.")]
    status: Annotated[int, Meta(description="The HTTP status.", ge=400, le=599)]
    code: Annotated[str, Meta(description="What to look at in a program.", examples=["no_such_product"])]
    detail: Annotated[str, Meta(description="For people, about this request.")]
    request_id: Annotated[str, Meta(description="As in `X-Request-Id`.")]
    errors: Annotated[tuple[Fault, ...], Meta(description="Where the fault is.")] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What a code means. `detail` may hold `{name}`s of the refusal's data."""

    status: int
    title: str
    detail: str

    @property
    def explanation(self) -> str:
        """The detail without anybody's data; empty where the title says it all."""
        if self.detail == f"{self.title}.":
            return ""
        if self.detail.startswith("{uri}"):
            return "`detail` says which one, and why."
        return re.sub(r"\{\w+\}", "…", self.detail)


def _of(status: int, words: Mapping[str, str]) -> dict[str, Problem]:
    made = {}
    for code, text in words.items():
        title, _, detail = text.partition("|")
        made[code] = Problem(status, title, detail or f"{title}.")
    return made


PROBLEMS: Mapping[str, Problem] = {
    **_of(
        400,
        {
            "malformed": "The request cannot be read|The body is not one JSON value in UTF-8: {why}.",
            "invalid_parameter": "A query parameter is wrong|Look at `errors`.",
            "idempotency_key": "The Idempotency-Key is wrong|Use 1 to 255 printable ASCII characters.",
            "cursor": "This is not a cursor of ours|Follow `next` as it was given, with the same filters.",
        },
    ),
    **_of(
        401,
        {
            "no_key": "An API key is needed|Send `Authorization: Bearer` with an API key of the portal.",
            "invalid_token": "The API key opens nothing|It is unknown, was revoked, or has expired.",
        },
    ),
    **_of(
        403,
        {
            "grant": "The API key lacks a scope|This needs the scope `{grant}`.",
            "role": "The role is too low|This needs the role {role} in the organization.",
            "account_only": "For people only|API keys cannot do this. Sign in to the portal.",
        },
    ),
    **_of(
        404,
        {
            "not_found": "There is no such address|The reference at /api lists all that there are.",
            "no_such_organization": "There is no such organization|It does not exist, or is not in this key's reach.",
            "no_such_product": "There is no such product|It does not exist, or is not in this key's reach.",
            "no_such_client": "There is no such client|It does not exist, or is not in this key's reach.",
            "no_such_member": "There is no such member",
            "no_such_operator": "There is no such operator|It does not exist, or is not active.",
            "no_such_version": "There is no such version",
            "no_such_secret": "There is no such secret|It does not exist, or is over.",
            "no_such_picture": "There is no such picture|The product does not show it.",
            "no_such_webhook": "There is no such webhook",
            "no_such_number": "There is no such test number",
        },
    ),
    **_of(405, {"method": "This address does not know the method|`Allow` names those that it does."}),
    **_of(
        409,
        {
            "organization_closing": "The organization is being deleted|It can only be read.",
            "in_review": "A version is in review|Withdraw it first (`DELETE …/submission`), or wait for the decision.",
            "not_in_review": "Nothing is in review",
            "no_draft": "There is no draft|The product is as its live version.",
            "incomplete": "Something is missing|{missing}. `GET …/submission` has the checklist.",
            "nothing_changed": "Nothing has changed since the live version",
            "has_subscribers": "Subscribers use the product|Send `?confirm=true` to delete it all the same.",
            "enabled_there": "The operator has it enabled|Send `?confirm=true` to withdraw it all the same.",
            "full_availability": "Every operator may enable it|Set the availability to `limited` first.",
            "not_listed": "It is not offered there",
            "too_many_products": "The organization has all the products that it can have|There are {most} already.",
            "too_many_clients": "The product has all the clients that it can have|There are {most} already.",
            "too_many_webhooks": "The organization has all the webhooks that it can have|There are {most} already.",
            "sandbox_full": "There is no room for so many test numbers|There can be {most}.",
            "changed_meanwhile": "Somebody else changed it at the same moment|Read it, and try again.",
            "two_secrets": "Two secrets are live|Revoke one of them first.",
            "last_secret": "This is the last live secret|Send `?confirm=true` to revoke it all the same.",
            "no_secrets": "The client does not authenticate with a secret",
            "no_keys": "The client does not sign with a key|Set `token_endpoint_auth_method` to `private_key_jwt`.",
            "idempotency_running": "The same request is under way|Ask again in a second, with the same Idempotency-Key.",
        },
    ),
    **_of(
        412, {"precondition": "It is not as it was|If-Match does not name its present ETag. Read it, and try again."}
    ),
    **_of(413, {"too_large": "The body is too large|JSON: 64 KiB at most. Pictures: 2 MiB at most."}),
    **_of(415, {"media_type": "The media type cannot be read here|Send {wanted}."}),
    **_of(421, {"wrong_host": "This is not our name|The Host header names another server."}),
    **_of(
        422,
        {
            "invalid": "The body cannot stand as it is|Look at `errors`.",
            "idempotency_key_reused": "The Idempotency-Key belongs to another request|Use a new one for each request.",
            "name_length": "A text is too short or too long|Names: 1 to 80 characters. Other texts: 200 at most.",
            "name_spaces": "A text has blanks in the wrong places|None at its ends, and no two in a row.",
            "name_form": "A text has decorated letters|Use plain letters (Unicode NFC).",
            "name_characters": "A text has characters that cannot be shown",
            "name_mixed_alphabets": "A name mixes alphabets|Use one alphabet in each word.",
            "name_looks_latin": "A name reads like another one|In its alphabet it looks like Latin letters.",
            "link": "A link cannot be used|Send a whole address that begins with https://",
            "support": "The support contact cannot be used|Send an e-mail address, or a link that begins with https://",
            "accent": "The colour cannot be read|Send `#rrggbb`, in small letters.",
            "description_length": "The description is too long|4,000 characters at most.",
            "description_characters": "The description has characters that cannot be shown",
            "note_length": "The note is too long|{most} characters at most.",
            "note_characters": "The note has characters that cannot be shown",
            "unknown_scope": "A scope does not exist|`GET /api/v1/scopes` lists them.",
            "scope_twice": "A scope is in both lists|It is either required or optional.",
            "too_many_scopes": "There are too many scopes|{most} at most.",
            "picture_type": "This is not a picture that we can read|PNG, JPEG or WebP.",
            "picture_broken": "The picture is broken",
            "picture_bytes": "The picture has too many bytes|2 MiB at most.",
            "picture_small": "The picture is too small|At least {width} × {height} pixels.",
            "picture_large": "The picture has too many pixels",
            "too_many_screenshots": "There are enough screenshots|{most} at most. Remove one first.",
            "redirect_uri": "An address cannot be registered|{uri}: {words}",
            "redirect_uri_missing": "A redirect URI is missing|A client for subscribers needs at least one.",
            "machine_redirect_uri": "A machine client has no redirect URI|It has no browser to send back.",
            "too_many_uris": "There are too many addresses|{most} in a list at most.",
            "grant_types": "The grant types are missing",
            "machine_grant_types": "A machine client has one grant type|It is `client_credentials`.",
            "public_client_credentials": "A public client has no client credentials",
            "refresh_without_code": "`refresh_token` needs `authorization_code`",
            "browser_secret": "A browser client keeps no secret|Its `token_endpoint_auth_method` is `none`.",
            "id_token_alg": "The algorithm is not known here|`RS256` or `ES256`.",
            "access_token_format": "The format is not known here|`opaque` or `jwt`.",
            "jwks": "These keys cannot be used|`jwks` is for `private_key_jwt` only, and holds public keys only.",
            "backchannel_logout_uri": "The back-channel logout address cannot be used|https, with a public name.",
            "jwks_missing": "The keys are missing|`private_key_jwt` needs `jwks`.",
            "expiry": "The time cannot be used|It has to lie ahead, within ten years.",
            "grace": "The grace cannot be used|0 to {most} seconds.",
            "overlap": "The overlap cannot be used|0, 86400 or 604800 seconds.",
            "required": "Something is missing",
            "webhook_https": "The address has to begin with https://",
            "webhook_host": "The host cannot be used|A public name: no IP address, and no name inside a network.",
            "webhook_port": "The port cannot be used|443, or one above 1023.",
            "webhook_too_long": "The address is too long",
            "webhook_url": "The address cannot be used|No user, no fragment, no odd characters.",
            "count": "The count cannot be used|1 to 100.",
            "label": "The label cannot be used|60 characters at most, all of which can be shown.",
            "locale": "The language is not known here|`en`, `nb` or `sv`.",
            "brand": "There is no such operator to borrow the brand of",
            "pin": "The PIN cannot be used|{digits} digits.",
            **{code: f"The keys cannot be used|{words}" for code, words in KEY_FAULTS.items()},
        },
    ),
    **_of(429, {"rate": "That was too much at once|Wait for {seconds} seconds: `Retry-After`."}),
    **_of(500, {"server_error": "The fault is ours|Tell us the request id."}),
    **_of(503, {"unavailable": "The database does not answer|Try again in a moment: `Retry-After`."}),
}
_FALLBACK = Problem(0, "", "It cannot be done as it was asked.")
POINTERS = {
    "auth_method": "token_endpoint_auth_method",
    "id_token_alg": "id_token_signed_response_alg",
    "expires_at": "expires_at",
    "brand": "brand_operator_id",
}
"""Fields of the rules that have another name on the wire."""
FIELDS = {
    "redirect_uri_missing": "redirect_uris",
    "browser_secret": "token_endpoint_auth_method",
    "public_client_credentials": "token_endpoint_auth_method",
    "machine_grant_types": "grant_types",
    "grant_types": "grant_types",
    "refresh_without_code": "grant_types",
    "id_token_alg": "id_token_signed_response_alg",
    "access_token_format": "access_token_format",
    "jwks": "jwks",
    "jwks_missing": "jwks",
    "unknown_scope": "",
    "scope_twice": "",
    "too_many_scopes": "",
}
"""Where a fault is, for codes whose refusal does not tell."""


class Wrong(Refusal):
    """A refusal that knows where its faults are."""

    def __init__(self, status: int, code: str, *faults: Fault, **data: str | int) -> None:
        super().__init__(status, code, **data)
        self.faults = faults


def details(refusal: Refusal, request_id: str, body: object = None) -> ProblemDetails:
    """A refusal on the wire. `body` is what was sent: an address that cannot be registered is found in it."""
    problem = PROBLEMS.get(refusal.code, _FALLBACK)
    status = refusal.status
    title = problem.title or (HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error")
    detail = _filled(problem.detail, refusal)
    return ProblemDetails(
        type=f"{PAGE}#{refusal.code}",
        title=title,
        status=status,
        code=refusal.code,
        detail=detail,
        request_id=request_id,
        errors=refusal.faults if isinstance(refusal, Wrong) else _faults(refusal, detail, body),
    )


def _filled(text: str, refusal: Refusal) -> str:
    data = dict(refusal.data)
    if refusal.code == "redirect_uri":
        data["words"] = URI_FAULTS.get(str(data.get("fault", "")), "This address cannot be used.")
    if refusal.code == "incomplete":
        data["missing"] = str(data.get("missing", "")).replace(" ", ", ")
    return re.sub(r"\{(\w+)\}", lambda match: str(data.get(match[1], "")), text)


def _faults(refusal: Refusal, detail: str, body: object) -> tuple[Fault, ...]:
    field = str(refusal.data.get("field", "")) or FIELDS.get(refusal.code, "")
    if refusal.status != 422 or not field:
        return ()
    field = POINTERS.get(field, field)
    pointer, code = f"/{field}", refusal.code
    if code == "redirect_uri":
        sent = [uri.strip()[:200] for uri in getattr(body, field, None) or () if isinstance(uri, str)]
        if refusal.data.get("uri") in sent:
            pointer += f"/{sent.index(str(refusal.data['uri']))}"
        code = f"redirect_uri.{refusal.data.get('fault', '')}"
    return (Fault(code=code, detail=detail, pointer=pointer),)


def answer(
    request: Request, refusal: Refusal, headers: Mapping[str, str] | None = None, body: object = None
) -> Response:
    """The response to a refusal. Never a stack trace, a version or anything that was not asked for."""
    made = {**NO_STORE, **(headers or {}), **_headers(refusal)}
    content = details(refusal, request.scope.get("dialkey.request_id", ""), body)
    return Response(_encode(content), refusal.status, made, MEDIA_TYPE)


def _headers(refusal: Refusal) -> dict[str, str]:
    """What a status brings along (RFC 6750 section 3, RFC 9110)."""
    match refusal.code:
        case "no_key":
            return {"WWW-Authenticate": 'Bearer realm="dialkey"'}
        case "invalid_token":
            return {"WWW-Authenticate": 'Bearer realm="dialkey", error="invalid_token"'}
        case "grant":
            scope = refusal.data.get("grant", "")
            return {"WWW-Authenticate": f'Bearer realm="dialkey", error="insufficient_scope", scope="{scope}"'}
        case "method":
            return {"Allow": str(refusal.data.get("allow", ""))}
        case "rate":
            return {"Retry-After": str(refusal.data.get("seconds", 1))}
        case "idempotency_running":
            return {"Retry-After": "1"}
    return {}
