"""What the start page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.portal.shell_views import HOME_PLACE, Place
from dialkey.web.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeStep:
    """One step of the checklist: `done`, `now` or `later`."""

    title: str
    text: str
    state: str
    href: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeProduct:
    id: str
    name: str
    subtitle: str
    accent: str
    icon_url: str | None
    status: str
    clients: int
    enabled: int
    operator_product: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeOrganization:
    id: str
    name: str
    role: str
    products: tuple[HomeProduct, ...] = ()
    closing: bool = False

    @property
    def may_edit(self) -> bool:
        return self.role in ("developer", "owner") and not self.closing


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage(Page):
    """What to do next, then what there is."""

    template: ClassVar[str] = "portal/home.html"

    name: str
    steps: tuple[HomeStep, ...] = ()
    done: int = 0
    about: str = ""
    """The product that the steps are about."""
    organizations: tuple[HomeOrganization, ...] = ()
    place: Place = HOME_PLACE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        first = (
            HomeStep(
                title="Create your organization", text="The company that offers products.", state="now",
                href="/portal/organizations/new", action="Create",
            ),
            HomeStep(title="Create a product", text="What subscribers add to their number.", state="later"),
            HomeStep(title="Choose its scopes", text="What it may ask for.", state="later"),
            HomeStep(title="Create a client", text="What your server or app signs in with.", state="later"),
            HomeStep(title="Try it", text="Log in with a test number.", state="later"),
            HomeStep(title="Submit it for review", text="Operators see it once it is approved.", state="later"),
        )  # fmt: skip
        half = tuple(
            HomeStep(
                title=step.title, text=step.text, state="done" if i < 3 else "now" if i == 3 else "later",
                href="/portal/p/product-1/clients", action="Create a client" if i == 3 else "",
            )
            for i, step in enumerate(first)
        )  # fmt: skip
        product = HomeProduct(
            id="product-1", name="VoiceBox", subtitle="Your voicemail, in one tap", accent="#5b3df5", icon_url=None,
            status="draft", clients=1, enabled=0,
        )  # fmt: skip
        live = HomeProduct(
            id="product-2", name="NoteBox", subtitle="", accent="#00707a", icon_url=None, status="live", clients=3,
            enabled=2, operator_product=True,
        )  # fmt: skip
        organization = HomeOrganization(id="organization-1", name="VoiceBox AB", role="owner", products=(product, live))
        empty = HomeOrganization(id="organization-2", name="Nordic Tools", role="viewer")
        return {
            "first": cls(name="Ada", steps=first),
            "half": cls(name="Ada", steps=half, done=3, about="VoiceBox", organizations=(organization,)),
            "all_done": cls(name="Ada", organizations=(organization, empty)),
        }
