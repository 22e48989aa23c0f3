"""Pages of an organization's webhooks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.organization_views import AT, FINE, place
from dialkey.portal.shell_views import Place, Problems
from dialkey.web.pages import Page

OVERLAPS = (
    ("86400000", "24 hours", "Both sign meanwhile, so nothing is lost while you roll the new one out."),
    ("604800000", "7 days", "For a roll-out that takes longer."),
    ("0", "Not at all", "The old secret stops now. For one that leaked."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRow:
    """A live secret."""

    hint: str
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A message, and what became of it."""

    message_id: str
    type: str
    state: str
    attempts: int
    next_at: int | None
    tried_at: int | None
    answer: str
    """The status or the fault, and how long it took; empty before the first attempt."""
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """An endpoint."""

    id: str
    url: str
    description: str
    enabled: bool
    created_at: int
    secrets: tuple[SecretRow, ...] = ()
    failing_since: int | None = None
    disabled_why: str = ""


_ROW = WebhookRow(
    id="w1", url="https://hooks.voicebox.example/dialkey", description="Production", enabled=True, created_at=AT,
    secrets=(SecretRow(hint="x7Qa", created_at=AT, expires_at=None),),
)  # fmt: skip
_DELIVERIES = (
    DeliveryRow(message_id="N3pyQ0xW1kq2bTtYw9aZ_A", type="consent.revoked", state="waiting", attempts=2, next_at=AT,
                tried_at=AT, answer="503 after 120 ms", created_at=AT),
    DeliveryRow(message_id="m2", type="consent.added", state="delivered", attempts=1, next_at=None, tried_at=AT,
                answer="200 after 48 ms", created_at=AT),
    DeliveryRow(message_id="m3", type="webhook.test", state="failed", attempts=1, next_at=None, tried_at=AT,
                answer="No answer in time", created_at=AT),
    DeliveryRow(message_id="m4", type="consent.updated", state="waiting", attempts=0, next_at=AT, tried_at=None,
                answer="", created_at=AT),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksPage(Page):
    """The endpoints."""

    template: ClassVar[str] = "portal/webhooks.html"

    place: Place
    rows: tuple[WebhookRow, ...] = ()
    closing: bool = False

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-webhooks"))
        off = replace(_ROW, id="w2", url="https://staging.voicebox.example/hooks", description="", enabled=False)
        return {
            "empty": base,
            "empty-viewer": replace(base, place=place("org-webhooks", "viewer")),
            "two": replace(base, rows=(_ROW, off)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhookPage(Page):
    """Posts `url`, `description`, `ticket`."""

    template: ClassVar[str] = "portal/webhooks_new.html"

    place: Place
    csrf: str
    ticket: str
    url: str = ""
    description: str = ""
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-webhooks"), csrf="t", ticket="t")
        return {"new": base, "wrong": replace(base, url="http://10.0.0.1/", problems=Problems.at("url", "webhook_https"))}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretPage(Page):
    """The only answer that ever shows the secret."""

    template: ClassVar[str] = "portal/webhooks_secret.html"

    place: Place
    row: WebhookRow
    secret: str
    rotated: bool = False

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-webhooks"), row=_ROW, secret="whsec_" + "0" * 43 + "=")
        return {"new": base, "rotated": replace(base, rotated=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPage(Page):
    """One endpoint: its address, its secrets, what was delivered."""

    template: ClassVar[str] = "portal/webhooks_one.html"

    place: Place
    csrf: str
    row: WebhookRow
    url: str
    description: str
    deliveries: tuple[DeliveryRow, ...] = ()
    waiting: int = 0
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-webhooks"), csrf="t", row=_ROW, url=_ROW.url, description=_ROW.description)
        busy = replace(base, deliveries=_DELIVERIES, waiting=1)
        two = (*_ROW.secrets, SecretRow(hint="9fPd", created_at=AT, expires_at=AT))
        return {
            "enabled": base,
            "delivered": busy,
            "delivered-viewer": replace(busy, place=place("org-webhooks", "viewer")),
            "failing": replace(busy, row=replace(_ROW, failing_since=AT), waiting=1000),
            "switched-off": replace(busy, row=replace(_ROW, enabled=False, disabled_why="failing")),
            "gone": replace(base, row=replace(_ROW, enabled=False, disabled_why="gone")),
            "rotating": replace(base, row=replace(_ROW, secrets=two)),
            "disabled": replace(base, row=replace(_ROW, enabled=False)),
            "viewer": replace(base, place=place("org-webhooks", "viewer")),
            "wrong": replace(base, url="https://localhost/", problems=Problems.at("url", "webhook_host")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRotatePage(Page):
    """Posts `overlap` and `ticket`."""

    template: ClassVar[str] = "portal/webhooks_rotate.html"

    place: Place
    csrf: str
    ticket: str
    row: WebhookRow
    overlap: str = OVERLAPS[0][0]
    overlaps: tuple[tuple[str, str, str], ...] = OVERLAPS
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"one": cls(place=place("org-webhooks"), csrf="t", ticket="t", row=_ROW)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeletePage(Page):
    """Asks."""

    template: ClassVar[str] = "portal/webhooks_delete.html"

    place: Place
    csrf: str
    row: WebhookRow

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"one": cls(place=place(""), csrf="t", row=_ROW)}
