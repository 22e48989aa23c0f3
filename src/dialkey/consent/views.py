"""The page on which a subscriber adds a product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.signin.views import LeaveForm
from dialkey.web.pages import Brand, Hidden, Page, Problem

DEMO_OPERATOR = Brand(name="Nordcell", accent="#00707a", support="care@nordcell.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLine:
    """One thing that the product may do, in words made for the reader."""

    scope: str
    sentence: str
    granted: bool = False
    """True where it was allowed before; an optional one is then ticked already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCard:
    name: str
    subtitle: str = ""
    icon_url: str | None = None
    accent: str = "#1f5eff"
    price: str = ""
    """Empty: free."""
    organization: str = ""
    """The verified company behind it; empty where it was not verified."""
    destination: str = ""
    """The host that the browser is sent back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddProductPage(Page):
    """Operator-branded. The form posts the hidden fields, `terms`, `responsibility` and `scope:<name>` per optional
    scope, with `decision` = `add` or `cancel`, to `action`."""

    template: ClassVar[str] = "consent/add.html"

    operator: Brand
    product: ProductCard
    number: str
    """Grouped as in its country."""
    action: str
    hidden: tuple[Hidden, ...]
    required: tuple[ScopeLine, ...] = ()
    optional: tuple[ScopeLine, ...] = ()
    kept: tuple[ScopeLine, ...] = ()
    """Allowed before and still so: listed below as a reminder, without a tick."""
    terms_url: str | None = None
    privacy_url: str | None = None
    terms_changed: bool = False
    unverified: bool = False
    already_added: bool = False
    """True where the subscriber has the product and is asked only for what is new."""
    problem: Problem | None = None
    """`terms_unticked`, `responsibility_unticked`, `both_unticked`."""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        phone = ScopeLine(scope="phone", sentence="Know your phone number")
        voicemail = ScopeLine(scope="voicemail.get", sentence="Listen to your voicemail messages")
        mms = ScopeLine(scope="mms.send.from_subscriber", sentence="Send picture messages (MMS) from your number")
        card = ProductCard(
            name="VoiceBox",
            subtitle="Your voicemail, in one tap",
            accent="#5b3df5",
            organization="VoiceBox AB",
            destination="app.voicebox.example",
        )
        base = {
            "operator": DEMO_OPERATOR,
            "product": card,
            "number": "+46 70 174 06 05",
            "action": "/oauth2/auth/consent",
            "hidden": (Hidden(name="ticket", value="t"),),
            "terms_url": "https://voicebox.example/terms",
            "privacy_url": "https://voicebox.example/privacy",
        }
        return {
            "first": cls(**base, required=(phone,), optional=(voicemail, mms)),
            "nothing-special": cls(**base),
            "all-optional": cls(**base, optional=(phone, voicemail, mms)),
            "only-new": cls(**base, optional=(mms,), kept=(phone, voicemail), already_added=True),
            "terms-changed": cls(**base, kept=(phone,), terms_changed=True, already_added=True),
            "unverified": cls(**base, required=(phone,), unverified=True),
            "unticked": cls(**base, required=(phone,), problem=Problem(code="terms_unticked")),
            "both-unticked": cls(**base, required=(phone,), unverified=True, problem=Problem(code="both_unticked")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAvailablePage(Page):
    """The subscriber's operator does not offer this product."""

    template: ClassVar[str] = "consent/not_available.html"
    status: ClassVar[int] = 403

    operator: Brand
    product: ProductCard
    leave: LeaveForm | None = None
    other_number_url: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        leave = LeaveForm(action="/oauth2/auth/cancel", hidden=(Hidden(name="ticket", value="t"),))
        card = ProductCard(name="VoiceBox", subtitle="Your voicemail, in one tap", accent="#5b3df5")
        return {"plain": cls(operator=DEMO_OPERATOR, product=card, leave=leave, other_number_url="/oauth2/auth?x=y")}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveProductPage(Page):
    """Operator-branded. The form posts the hidden fields with `decision` = `remove` or `cancel` to `action`."""

    template: ClassVar[str] = "consent/remove.html"

    operator: Brand
    product: ProductCard
    number: str
    """Grouped; empty where this browser is not known to be the subscriber's."""
    action: str
    hidden: tuple[Hidden, ...]

    @classmethod
    def samples(cls) -> dict[str, Page]:
        card = ProductCard(name="VoiceBox", subtitle="Your voicemail, in one tap", accent="#5b3df5")
        hidden = (Hidden(name="ticket", value="t"),)
        base = {"operator": DEMO_OPERATOR, "product": card, "action": "/revoke-consent/decision", "hidden": hidden}
        return {"known": cls(**base, number="+46 70 174 06 05"), "unknown": cls(**base, number="")}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRemovalPage(Page):
    """A removal that cannot be: `reason` is a key under `no_removal.<reason>`.

    `link`: the link is unknown, used or over, which look the same. `already`: the product was removed before.
    `operator`: the operator added the product, and only it can remove it.
    """

    template: ClassVar[str] = "consent/no_removal.html"

    reason: str
    product: ProductCard | None = None
    operator: Brand | None = None
    back_url: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        card = ProductCard(name="VoiceBox", subtitle="Your voicemail, in one tap", accent="#5b3df5")
        known = {"product": card, "operator": DEMO_OPERATOR, "back_url": "https://app.voicebox.example/removed?state=s"}
        reasons = {reason: cls(reason=reason, **known) for reason in ("already", "operator")}
        return {"link": cls(reason="link"), **reasons}
