"""The few pages of the protocol itself: errors that stay on our side, form_post, signing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.web.pages import Brand, Hidden, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestErrorPage(Page):
    """A request that never reaches the client. `error` is the OAuth code, `reason` a catalogue key under
    `oauth_error.<reason>` that says it in plain words; `return_url` only where the redirect URI was proven."""

    template: ClassVar[str] = "oauth/error.html"
    status: ClassVar[int] = 400

    error: str
    reason: str
    request_id: str
    product: Brand | None = None
    return_url: str | None = None
    return_host: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        reasons = ("client_unknown", "redirect_uri_wrong", "redirect_uri_missing", "repeated", "malformed", "generic")
        pages: dict[str, Page] = {
            reason: cls(error="invalid_request", reason=reason, request_id="Qm9v") for reason in reasons
        }
        pages["returnable"] = cls(
            error="invalid_scope",
            reason="returnable",
            request_id="Qm9v",
            return_url="https://app.example/cb?error=invalid_scope",
            return_host="app.example",
        )
        return pages


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPostPage(Page):
    """OAuth 2.0 Form Post Response Mode: the browser carries the answer to the client in a POST."""

    template: ClassVar[str] = "oauth/form_post.html"

    action: str
    hidden: tuple[Hidden, ...]
    product: Brand | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"plain": cls(action="https://app.example/cb", hidden=(Hidden(name="code", value="c"),))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOutPage(Page):
    """Asks whether to sign out. Posts the hidden fields with `decision` = `sign_out` or `stay` to `action`."""

    template: ClassVar[str] = "oauth/sign_out.html"

    action: str
    hidden: tuple[Hidden, ...]
    product: Brand | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "plain": cls(action="/oauth2/sessions/logout", hidden=()),
            "product": cls(
                action="/oauth2/sessions/logout", hidden=(), product=Brand(name="VoiceBox", accent="#5b3df5")
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOutPage(Page):
    """`outcome`: `signed_out`, `not_signed_in` or `stayed`."""

    template: ClassVar[str] = "oauth/signed_out.html"

    outcome: str
    back_url: str | None = None
    back_name: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        pages: dict[str, Page] = {o: cls(outcome=o) for o in ("signed_out", "not_signed_in", "stayed")}
        pages["back"] = cls(outcome="signed_out", back_url="https://app.example/", back_name="VoiceBox")
        return pages
