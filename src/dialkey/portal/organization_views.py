"""Pages of an organization: its products, its settings, its end, and how one joins it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.shell_views import Named, Place, Problems
from dialkey.web.pages import Page

AT = 1_795_512_600_000
FINE = Problems()
_NEW = Place(section="org-new")
ORGANIZATION = Named(id="o1o1o1o1o1o1o1o1o1o1o1", name="VoiceBox AB")


def place(section: str, role: str = "owner") -> Place:
    """Where a sample stands."""
    return Place(section=section, organization=ORGANIZATION, role=role)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrganizationPage(Page):
    """Posts `name` to `/portal/organizations/new`."""

    template: ClassVar[str] = "portal/organization_new.html"

    csrf: str
    place: Place = _NEW
    name: str = ""
    first: bool = True
    """The reader is in no organization yet."""
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        wrong = Problems.at("name", "name_length")
        return {"first": cls(csrf="t"), "wrong": cls(csrf="t", name=" ", first=False, problems=wrong)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductTile:
    """A product in the organization's list."""

    id: str
    name: str
    subtitle: str
    accent: str
    icon_url: str | None
    status: str
    clients: int
    enabled: int
    operator_product: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationPage(Page):
    """The organization's front: what it offers."""

    template: ClassVar[str] = "portal/organization.html"

    place: Place
    products: tuple[ProductTile, ...] = ()
    closes_at: int | None = None
    csrf: str = ""
    first_url: str | None = None
    next_url: str | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        tile = ProductTile(
            id="p1", name="VoiceBox", subtitle="Your voicemail, in one tap", accent="#5b3df5", icon_url=None,
            status="live", clients=2, enabled=3, operator_product=False,
        )  # fmt: skip
        other = replace(tile, id="p2", name="Caller ID for operators", status="draft", clients=1, enabled=0)
        base = cls(place=place("org"), csrf="t")
        return {
            "empty": base,
            "empty-viewer": replace(base, place=place("org", "viewer")),
            "two": replace(base, products=(tile, replace(other, operator_product=True))),
            "many": replace(base, products=(tile, other), first_url="/portal/o/o1", next_url="/portal/o/o1?after=p2"),
            "closing": replace(base, products=(tile,), closes_at=AT),
            "closing-viewer": replace(base, place=place("org", "viewer"), products=(tile,), closes_at=AT),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationSettingsPage(Page):
    """Posts `name` to `…/settings`."""

    template: ClassVar[str] = "portal/organization_settings.html"

    place: Place
    csrf: str
    name: str
    verified: bool = False
    closes_at: int | None = None
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-settings"), csrf="t", name="VoiceBox AB")
        return {
            "owner": base,
            "verified": replace(base, verified=True),
            "viewer": replace(base, place=place("org-settings", "viewer")),
            "wrong": replace(base, name="Voice  Box", problems=Problems.at("name", "name_spaces")),
            "closing": replace(base, closes_at=AT),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationDeletePage(Page):
    """Asks, with the name typed."""

    template: ClassVar[str] = "portal/organization_delete.html"

    place: Place
    csrf: str
    members: int
    products: int
    clients: int
    keys: int
    problems: Problems = FINE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place(""), csrf="t", members=4, products=2, clients=5, keys=1)
        return {
            "full": base,
            "empty": replace(base, members=1, products=0, clients=0, keys=0),
            "wrong": replace(base, problems=Problems.at("name", "confirm_name")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationPage(Page):
    """Somebody with an account is asked to join. Posts `token` to `/portal/invitations`."""

    template: ClassVar[str] = "portal/invitation.html"

    csrf: str
    token: str
    organization: str
    role: str
    invited_by: str
    expires_at: int
    mine: bool
    """The reader's address is the invited one."""
    email: str
    """The reader's own."""
    sign_out_csrf: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(
            csrf="t", token="t", organization="VoiceBox AB", role="developer", invited_by="Ada Lovelace", expires_at=AT,
            mine=True, email="bo@voicebox.example", sign_out_csrf="t",
        )  # fmt: skip
        return {"mine": base, "owner": replace(base, role="owner", invited_by=""), "other": replace(base, mine=False)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationHelloPage(Page):
    """The same before signing in."""

    template: ClassVar[str] = "portal/invitation_hello.html"

    organization: str
    role: str
    invited_by: str
    next_url: str

    @classmethod
    def samples(cls) -> dict[str, Page]:
        next_url = "/portal/invitations?token=t"
        base = cls(organization="VoiceBox AB", role="developer", invited_by="Ada Lovelace", next_url=next_url)
        return {"developer": base, "viewer": replace(base, role="viewer", invited_by="")}


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationOverPage(Page):
    """The token opens nothing (any more)."""

    template: ClassVar[str] = "portal/invitation_over.html"
    status: ClassVar[int] = 404

    signed_in: bool = False

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"out": cls(), "in": cls(signed_in=True)}
