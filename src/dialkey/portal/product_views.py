"""What a product's pages show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from dialkey.portal.shell_views import NO_PROBLEMS, FieldProblem, Named, Place, Problems
from dialkey.web.pages import Page

_ORGANIZATION = Named(id="organization-1", name="VoiceBox AB")
_AT = 1_790_000_000_000


def sample_place(section: str, status: str = "draft", role: str = "owner") -> Place:
    """Where the samples stand."""
    product = Named(id="product-1", name="VoiceBox", status=status, accent="#5b3df5")
    return Place(section=section, organization=_ORGANIZATION, product=product, role=role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Which version is edited and which is live, on top of every product page."""

    kind: str = ""
    """`draft_of_live`, `review`, `live`, `returned`, `refused`, `suspended`; empty: nothing has to be said."""
    editing: int = 0
    """The number of the version being edited or reviewed."""
    live: int = 0
    """The number of the live version; 0 where unknown."""
    comment: str = ""
    """What the reviewer answered."""
    locked: bool = False


AT_REST = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProductPage(Page):
    """A name and a kind: the rest comes later."""

    template: ClassVar[str] = "portal/product_new.html"

    place: Place
    csrf: str
    name: str = ""
    kind: str = "subscriber"
    problems: Problems = NO_PROBLEMS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        place = Place(section="org", organization=_ORGANIZATION, role="developer")
        wrong = Problems((FieldProblem(field="name", text="Use between 1 and 80 characters."),))
        return {
            "empty": cls(place=place, csrf="t"),
            "wrong": cls(place=place, csrf="t", name="x" * 81, kind="operator", problems=wrong),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProductPage(Page):
    """What will happen, and the name to type."""

    template: ClassVar[str] = "portal/product_delete.html"

    place: Place
    csrf: str
    clients: int
    enabled: int
    has_subscribers: bool
    problems: Problems = NO_PROBLEMS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        place = sample_place("product-delete", "live")
        wrong = Problems((FieldProblem(field="name", text="Type the name exactly as it stands above."),))
        return {
            "unused": cls(place=place, csrf="t", clients=0, enabled=0, has_subscribers=False),
            "used": cls(place=place, csrf="t", clients=2, enabled=1, has_subscribers=True, problems=wrong),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralValues:
    """The fields of the General tab, as typed."""

    name: str = ""
    subtitle: str = ""
    description: str = ""
    price: str = ""
    accent: str = "#1f5eff"
    support: str = ""
    product_url: str = ""
    terms_url: str = ""
    privacy_url: str = ""
    new_terms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A screenshot."""

    id: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralPage(Page):
    """What subscribers and operators read of a product."""

    template: ClassVar[str] = "portal/product_general.html"

    place: Place
    csrf: str
    values: GeneralValues
    operator_product: bool = False
    icon_url: str | None = None
    banner_url: str | None = None
    screenshots: tuple[Shot, ...] = ()
    most_screenshots: int = 6
    preview: Markup | None = None
    standing: Standing = AT_REST
    approved: bool = False
    problems: Problems = NO_PROBLEMS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        values = GeneralValues(
            name="VoiceBox",
            subtitle="Your voicemail, in one tap",
            description="**VoiceBox** shows your voicemail as a list.\n\n- Read it\n- Listen to it",
            price="Free",
            support="help@voicebox.example",
            product_url="https://voicebox.example/",
            terms_url="https://voicebox.example/terms",
            privacy_url="https://voicebox.example/privacy",
        )
        place = sample_place("product-general")
        preview = Markup("<p><strong>VoiceBox</strong> shows your voicemail as a list.</p><ul><li>Read it</li></ul>")
        wrong = Problems((FieldProblem(field="terms_url", text="Use a whole address that begins with https://"),))
        live = Standing(kind="draft_of_live", editing=3, live=2)
        shot = Shot(id="s1", url="/assets/mark.svg")
        return {
            "fresh": cls(place=place, csrf="t", values=GeneralValues(name="VoiceBox")),
            "preview": cls(place=place, csrf="t", values=values, preview=preview),
            "wrong": cls(place=place, csrf="t", values=values, problems=wrong),
            "live": cls(
                place=sample_place("product-general", "live"), csrf="t", values=values, standing=live, approved=True,
                icon_url="/assets/mark.svg", screenshots=(shot,),
            ),
            "review": cls(
                place=sample_place("product-general", "review"), csrf="t", values=values,
                standing=Standing(kind="review", editing=1, locked=True),
            ),
            "viewer": cls(place=sample_place("product-general", role="viewer"), csrf="t", values=values),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRow:
    """An operator on the Listing tab."""

    operator_id: str
    name: str
    country: str
    accent: str
    icon_url: str | None
    offered_at: int | None
    enabled_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPage(Page):
    """Which operators may enable it."""

    template: ClassVar[str] = "portal/product_listing.html"

    place: Place
    csrf: str
    availability: str
    rows: tuple[OfferRow, ...]
    listed: int = 0
    enabled: int = 0
    q: str = ""
    offered_only: bool = False
    next: str | None = None
    first: str | None = None
    approved: bool = False
    standing: Standing = AT_REST
    problems: Problems = NO_PROBLEMS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        rows = (
            OfferRow(
                operator_id="o1", name="Fjordtel", country="Norway", accent="#c2185b", icon_url=None,
                offered_at=None, enabled_at=None,
            ),
            OfferRow(
                operator_id="o2", name="Nordcell", country="Sweden", accent="#00707a", icon_url=None,
                offered_at=_AT, enabled_at=_AT,
            ),
            OfferRow(
                operator_id="o3", name="Faraway Mobile", country="United Kingdom", accent="#333333", icon_url=None,
                offered_at=_AT, enabled_at=None,
            ),
        )  # fmt: skip
        place = sample_place("product-listing")
        return {
            "limited": cls(
                place=place, csrf="t", availability="limited", rows=rows, listed=2, enabled=1, next="/portal?after=x"
            ),
            "full": cls(
                place=sample_place("product-listing", "live"), csrf="t", availability="full", rows=rows, enabled=1,
                approved=True,
            ),
            "no_match": cls(place=place, csrf="t", availability="limited", rows=(), q="zzz", listed=2),
            "none": cls(place=place, csrf="t", availability="limited", rows=()),
            "viewer": cls(
                place=sample_place("product-listing", role="viewer"), csrf="t", availability="limited", rows=rows
            ),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawOfferPage(Page):
    """The operator has it enabled: asks first."""

    template: ClassVar[str] = "portal/product_withdraw.html"

    place: Place
    csrf: str
    operator_id: str
    operator: str

    @classmethod
    def samples(cls) -> dict[str, Page]:
        place = sample_place("product-listing", "live")
        return {"enabled": cls(place=place, csrf="t", operator_id="o2", operator="Nordcell")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRow:
    """One line of the catalogue."""

    scope: str
    description: str
    sentence: str
    """What subscribers read; empty where the scope has no line."""
    enabled: bool
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeGroup:
    category: str
    rows: tuple[ScopeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopesPage(Page):
    """What the product's clients may ask for."""

    template: ClassVar[str] = "portal/product_scopes.html"

    place: Place
    csrf: str
    groups: tuple[ScopeGroup, ...]
    shown: str
    """Names of the scopes in the form, for the filter leaves the others as they are."""
    needed: tuple[str, ...] = ()
    """Sentences that a subscriber must accept."""
    declinable: tuple[str, ...] = ()
    count: int = 0
    q: str = ""
    enabled_only: bool = False
    operator_product: bool = False
    standing: Standing = AT_REST
    problems: Problems = NO_PROBLEMS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        rows = (
            ScopeRow(
                scope="offline_access", description="Get a refresh token", sentence="", enabled=True, optional=False
            ),
            ScopeRow(
                scope="phone", description="Access the subscriber's phone number", sentence="Know your phone number",
                enabled=True, optional=False,
            ),
        )  # fmt: skip
        more = (
            ScopeRow(
                scope="voicemail.get", description="Retrieve the subscriber's voicemail messages",
                sentence="Listen to your voicemail messages", enabled=True, optional=True,
            ),
            ScopeRow(
                scope="voicemail.delete", description="Delete the subscriber's voicemail messages",
                sentence="Delete your voicemail messages", enabled=False, optional=False,
            ),
        )  # fmt: skip
        groups = (ScopeGroup(category="OAuth 2.0", rows=rows), ScopeGroup(category="Voicemail", rows=more))
        shown = "offline_access phone voicemail.get voicemail.delete"
        place = sample_place("product-scopes")
        wrong = Problems((FieldProblem(field="", text="phone is Optional but not Enabled."),))
        words = {"needed": ("Know your phone number",), "declinable": ("Listen to your voicemail messages",)}
        return {
            "some": cls(place=place, csrf="t", groups=groups, shown=shown, count=3, **words),
            "none": cls(place=place, csrf="t", groups=groups, shown=shown),
            "filtered": cls(place=place, csrf="t", groups=(), shown="", q="zzz", count=3),
            "wrong": cls(place=place, csrf="t", groups=groups, shown=shown, count=3, problems=wrong, **words),
            "operator": cls(place=place, csrf="t", groups=groups, shown=shown, count=3, operator_product=True),
            "viewer": cls(
                place=sample_place("product-scopes", role="viewer"), csrf="t", groups=groups, shown=shown, count=3
            ),
        }
