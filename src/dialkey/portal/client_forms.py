"""The forms of a client: what was typed, what is stored, and what a change asks for."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from dialkey.developers.clients import ClientDraft, ClientPatch, ClientView
from dialkey.directory.model import AuthMethod, ClientKind
from dialkey.portal import words
from dialkey.portal.client_jwks import FAULTS as KEY_FAULTS
from dialkey.portal.client_jwks import read_keys
from dialkey.portal.client_views import ClientFields
from dialkey.portal.client_words import FORM_FAULTS, METHODS_OF, uri_words
from dialkey.portal.shell_views import FieldProblem, Problems
from dialkey.web.errors import Refusal

LISTS = ("redirect_uris", "post_logout_redirect_uris", "post_revoke_redirect_uris")
BACKCHANNEL = ("backchannel_logout_uri", "backchannel_logout_session_required")
"""Last among the marks: a form of the release before has none of them."""
MAX_LINES = 40


def problems_of(refusal: Refusal, field: str = "") -> Problems:
    """The words of a refused registration, beside the field that it is about."""
    data = refusal.data
    if refusal.code == "redirect_uri":
        text = f"{data.get('uri', '')}: {uri_words(str(data.get('fault', '')))}"
        return Problems((FieldProblem(field=str(data.get("field", LISTS[0])), text=text),))
    if refusal.code == "backchannel_logout_uri":
        fault = str(data.get("fault", ""))
        text = words.problem(f"webhook_{fault}", data) if fault != "machine" else uri_words(fault)
        return Problems((FieldProblem(field="backchannel_logout_uri", text=text),))
    if refusal.code in FORM_FAULTS:
        named, text = FORM_FAULTS[refusal.code]
        return Problems((FieldProblem(field=str(data.get("field", "")) or named or field, text=text),))
    if refusal.code in KEY_FAULTS:
        return Problems((FieldProblem(field="jwks", text=KEY_FAULTS[refusal.code]),))
    if refusal.code == "too_many_clients":
        return Problems((FieldProblem(field="", text=f"A product has at most {data.get('most', 0)} clients."),))
    return Problems((FieldProblem(field=str(data.get("field", "")) or field, text=words.problem(refusal.code, data)),))


def typed_lines(text: str) -> tuple[str, ...]:
    """One address per line, or between blanks; too many are as good as any."""
    return tuple(text.split(None, MAX_LINES)[:MAX_LINES])


def kind_of(text: str) -> ClientKind | None:
    return ClientKind(text) if text in ClientKind._value2member_map_ else None


def method_of(text: str) -> AuthMethod | None:
    return AuthMethod(text) if text in AuthMethod._value2member_map_ else None


def typed_fields(form: Mapping[str, str]) -> ClientFields:
    return ClientFields(
        kind=form.get("kind", "")[:20],
        description=form.get("description", "").strip(),
        redirect_uris=form.get("redirect_uris", ""),
        post_logout_redirect_uris=form.get("post_logout_redirect_uris", ""),
        post_revoke_redirect_uris=form.get("post_revoke_redirect_uris", ""),
        auth_method=form.get("auth_method", "")[:40],
        require_pkce="require_pkce" in form,
        jwks=form.get("jwks", ""),
        backchannel_logout_uri=form.get("backchannel_logout_uri", "").strip(),
        backchannel_logout_session_required="backchannel_logout_session_required" in form,
    )


def stored_fields(client: ClientView) -> ClientFields:
    return ClientFields(
        kind=client.kind.value,
        description=client.description,
        redirect_uris="\n".join(uri.uri for uri in client.redirect_uris),
        post_logout_redirect_uris="\n".join(uri.uri for uri in client.post_logout_redirect_uris),
        post_revoke_redirect_uris="\n".join(uri.uri for uri in client.post_revoke_redirect_uris),
        auth_method=client.auth_method.value,
        require_pkce=client.require_pkce,
        backchannel_logout_uri=client.backchannel_logout_uri or "",
        backchannel_logout_session_required=client.backchannel_logout_session_required,
    )


def draft_of(fields: ClientFields) -> ClientDraft:
    """What a form asks for; Refusal 422."""
    kind, method = kind_of(fields.kind), method_of(fields.auth_method)
    if kind is None:
        raise Refusal(422, "kind")
    if fields.auth_method and method not in METHODS_OF[kind]:
        raise Refusal(422, "browser_secret" if kind is ClientKind.BROWSER else "auth_method")
    signs = method is AuthMethod.PRIVATE_KEY_JWT
    return ClientDraft(
        kind=kind,
        description=fields.description,
        redirect_uris=typed_lines(fields.redirect_uris),
        post_logout_redirect_uris=typed_lines(fields.post_logout_redirect_uris),
        post_revoke_redirect_uris=typed_lines(fields.post_revoke_redirect_uris),
        auth_method=method,
        require_pkce=True if fields.require_pkce else None,
        jwks=read_keys(fields.jwks) if signs and fields.jwks.strip() else None,
    )


def _mark(value: object) -> str:
    return blake2b(str(value).encode(), digest_size=6).hexdigest()


def _values(fields: ClientFields) -> dict[str, object]:
    """What is compared, field by field."""
    lists = {name: "\n".join(typed_lines(getattr(fields, name))) for name in LISTS}
    return {
        "description": fields.description,
        **lists,
        "auth_method": fields.auth_method,
        "require_pkce": int(fields.require_pkce),
        "backchannel_logout_uri": fields.backchannel_logout_uri,
        "backchannel_logout_session_required": int(fields.backchannel_logout_session_required),
    }


def marks_of(fields: ClientFields) -> str:
    """What the form showed, in short: only what differs from it was changed by its reader."""
    return " ".join(_mark(value) for value in _values(fields).values())


def patch_of(form: Mapping[str, str], fields: ClientFields) -> ClientPatch:
    """The fields that differ from what the form showed: whatever a colleague changed meanwhile stays as it is, and so
    does what the form did not have."""
    values = _values(fields)
    seen = dict(zip(values, form.get("seen", "").split(), strict=False))
    if len(seen) < len(values) - len(BACKCHANNEL):
        raise Refusal(400, "malformed", detail="no marks in a client's form")
    changed = {name for name in seen if _mark(values[name]) != seen[name]}
    given: dict[str, Any] = {name: typed_lines(form.get(name, "")) for name in LISTS if name in changed}
    if "description" in changed:
        given["description"] = fields.description
    if "auth_method" in changed and fields.auth_method:
        method = method_of(fields.auth_method)
        if method is None:
            raise Refusal(422, "auth_method")
        given["auth_method"] = method
    if "require_pkce" in changed and form.get("pkce_shown"):
        given["require_pkce"] = fields.require_pkce
    if form.get("backchannel_shown"):
        for name in BACKCHANNEL:
            if name in changed:
                given[name] = getattr(fields, name)
    return ClientPatch(**given)
