"""Pages of an organization's people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.organization_views import AT, FINE, place
from dialkey.portal.shell_views import Place, Problems
from dialkey.web.pages import Page

ROLE_CHOICES = (
    ("viewer", "Viewer", "Looks at everything but secrets."),
    ("developer", "Developer", "Changes products, clients and webhooks."),
    ("owner", "Owner", "Also changes people, API keys and the organization itself."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """Somebody in the list."""

    id: str
    name: str
    email: str
    role: str
    since: int
    me: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRow:
    """An address in the list."""

    id: str
    email: str
    role: str
    invited_by: str
    sent_at: int
    expires_at: int
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersPage(Page):
    """Posts `email` and `role` to `…/members`."""

    template: ClassVar[str] = "portal/members.html"

    place: Place
    csrf: str
    members: tuple[MemberRow, ...]
    invitations: tuple[InvitationRow, ...] = ()
    email: str = ""
    role: str = "developer"
    roles: tuple[tuple[str, str, str], ...] = ROLE_CHOICES
    closing: bool = False
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        invited = InvitationRow(
            id="i1", email="cleo@voicebox.example", role="viewer", invited_by="Ada Lovelace", sent_at=AT, expires_at=AT
        )
        base = cls(place=place("org-members"), csrf="t", members=(_ADA, _BO))
        return {
            "alone": replace(base, members=(_ADA,)),
            "some": replace(base, invitations=(invited, replace(invited, id="i2", email="dan@a.example", over=True))),
            "viewer": replace(base, place=place("org-members", "viewer"), invitations=(invited,)),
            "wrong": replace(base, email="bo@voicebox", problems=Problems.at("email", "email")),
            "closing": replace(base, closing=True),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage(Page):
    """One member, for an owner. Posts `role` to `…/members/{member}`."""

    template: ClassVar[str] = "portal/member_one.html"

    place: Place
    csrf: str
    member: MemberRow
    role: str
    roles: tuple[tuple[str, str, str], ...] = ROLE_CHOICES
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-members"), csrf="t", member=_BO, role="developer")
        last = Problems.at("role", "last_owner")
        return {
            "other": base,
            "owner": replace(base, member=replace(_BO, role="owner"), role="owner"),
            "me": replace(base, member=_ADA, role="owner"),
            "last-owner": replace(base, member=_ADA, role="viewer", problems=last),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfirmPage(Page):
    """Asks before somebody is removed, leaves, or is handed the organization."""

    template: ClassVar[str] = "portal/member_confirm.html"

    place: Place
    csrf: str
    what: str
    """`remove`, `leave` or `transfer`."""
    target: str
    back: str
    member: MemberRow
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place(""), csrf="t", what="remove", target="/portal", back="/portal", member=_BO)
        last = Problems.at("", "last_owner")
        return {
            "remove": base,
            "leave": replace(base, what="leave", member=_ADA),
            "leave-last": replace(base, what="leave", member=_ADA, problems=last),
            "transfer": replace(base, what="transfer"),
        }


_ADA = MemberRow(id="m1", name="Ada Lovelace", email="ada@voicebox.example", role="owner", since=AT, me=True)
_BO = MemberRow(id="m2", name="Bo Diaz", email="bo.with.a.rather.long.name@voicebox.example", role="developer", since=AT)
