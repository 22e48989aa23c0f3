"""Pages of an organization's audit log and notices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.organization_views import AT, place
from dialkey.portal.shell_views import Place
from dialkey.web.pages import Page

GROUPS = (
    ("", "Everything"),
    ("organization", "Organization"),
    ("member", "Members"),
    ("api_key", "API keys"),
    ("product", "Products"),
    ("client", "Clients"),
    ("sandbox", "Sandbox"),
    ("webhook", "Webhooks"),
    ("trail", "Exports"),
)
"""What the log can be narrowed to: tags before their dot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailRow:
    """One event."""

    at: int
    words: str
    tag: str
    who: str
    by_url: str | None
    """Shows this actor's events only."""
    subject: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPage(Page):
    """The log, newest first."""

    template: ClassVar[str] = "portal/audit.html"

    place: Place
    base: str
    csrf: str
    rows: tuple[TrailRow, ...] = ()
    tag: str = ""
    by: str = ""
    who: str = ""
    """The name of who it is narrowed to."""
    groups: tuple[tuple[str, str], ...] = GROUPS
    first_url: str | None = None
    next_url: str | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        row = TrailRow(
            at=AT, words="Changed a member's role", tag="member.role_changed", who="Ada Lovelace", by_url="/portal",
            subject="member:m1m1m1m1m1m1m1m1m1m1m1", data=(("before", "viewer"), ("after", "owner")),
        )  # fmt: skip
        other = replace(
            row, words="Created the organization", tag="organization.created", who="The installation", by_url=None, data=()
        )
        base = cls(place=place("org-audit"), base="/portal/o/o1/audit", csrf="t")
        return {
            "some": replace(base, rows=(row, other), next_url="/portal/o/o1/audit?cursor=x"),
            "narrowed": replace(base, rows=(row,), tag="member", by="account:a", who="Ada Lovelace", first_url="/portal"),
            "nothing": replace(base, tag="webhook"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """One notice."""

    at: int
    words: str
    path: str
    action: str
    unread: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesPage(Page):
    """What somebody should know. Posting to `…/notifications` marks all as read."""

    template: ClassVar[str] = "portal/notifications.html"

    place: Place
    csrf: str
    rows: tuple[NoticeRow, ...] = ()

    @property
    def unread(self) -> int:
        return sum(row.unread for row in self.rows)

    @classmethod
    def samples(cls) -> dict[str, Page]:
        row = NoticeRow(at=AT, words="Bo Diaz joined as a developer.", path="/portal/o/o1", action="Members", unread=True)
        base = cls(place=place("org-notifications"), csrf="t")
        read = replace(row, unread=False, words="VoiceBox was approved and is live.", action="Open")
        return {"empty": base, "some": replace(base, rows=(row, read)), "read": replace(base, rows=(read,))}
