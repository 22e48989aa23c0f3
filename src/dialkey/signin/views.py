"""The pages a subscriber passes through to sign in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.web.pages import Brand, Frame, Hidden, Page, Problem

DEMO_PRODUCT = Brand(name="VoiceBox", accent="#5b3df5", support="help@voicebox.example")


def in_test_mode(frame: Frame, product: str, organization_id: str | None, number: str = "") -> Frame:
    """The frame of a page that only a test number sees, or whoever came by an address that waits for approval: it says
    so, and leads its developers to the handset in the portal. Without an organization: the frame as it is."""
    if not organization_id:
        return frame
    address = f"/portal/o/{organization_id}/sandbox"
    return replace(frame, test_of=product, handset_url=f"{address}/{number[1:]}" if number else address)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveForm:
    """The way out: posts `hidden` to `action`, and the caller is sent back to where it came from."""

    action: str
    hidden: tuple[Hidden, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPage(Page):
    """Asks for the phone number. The form posts `number` and the hidden fields to `action`."""

    template: ClassVar[str] = "signin/number.html"

    product: Brand
    action: str
    hidden: tuple[Hidden, ...]
    number: str = ""
    """What was typed or hinted, shown again as it was."""
    example: str = ""
    """An example in the guessed country's national format, for the hint under the field."""
    problem: Problem | None = None
    """`number_empty`, `number_invalid`, `too_many` (data: minutes)."""
    leave: LeaveForm | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {
            "product": DEMO_PRODUCT,
            "action": "/signin",
            "hidden": (Hidden(name="ticket", value="t"),),
            "example": "070-123 45 67",
            "leave": LeaveForm(action="/oauth2/auth/cancel", hidden=(Hidden(name="ticket", value="t"),)),
        }
        return {
            "empty": cls(**base),
            "hinted": cls(**base, number="+46 70 174 06 05"),
            "nothing-typed": cls(**base, problem=Problem(code="number_empty")),
            "invalid": cls(**base, number="+46 12", problem=Problem(code="number_invalid")),
            "too-many": cls(
                **base, number="+46 70 174 06 05", problem=Problem(code="too_many", data=(("minutes", 8),))
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPage(Page):
    """Asks for the PIN. The form posts `pin` and the hidden fields to `action`; `resend_action` and `change_url`
    are the other ways on."""

    template: ClassVar[str] = "signin/pin.html"

    product: Brand
    action: str
    hidden: tuple[Hidden, ...]
    number: str
    """Where it was sent, grouped as in its country."""
    digits: int = 6
    resend_action: str = ""
    resend_in: int = 0
    """Seconds until another message may be asked for; 0: now."""
    can_resend: bool = True
    change_url: str = ""
    delivery: str = "sent"
    """`sent`, `delivered` or `unreachable`."""
    resent: bool = False
    problem: Problem | None = None
    """`pin_wrong` (data: left), `pin_malformed` (data: digits), `too_many` (data: minutes)."""
    leave: LeaveForm | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {
            "product": DEMO_PRODUCT,
            "action": "/signin/r/pin",
            "hidden": (Hidden(name="csrf", value="c"),),
            "number": "+46 70 174 06 05",
            "resend_action": "/signin/r/resend",
            "change_url": "/signin/r/number",
            "leave": LeaveForm(action="/oauth2/auth/cancel", hidden=(Hidden(name="ticket", value="t"),)),
        }
        return {
            "sent": cls(**base, resend_in=30),
            "resendable": cls(**base),
            "resent": cls(**base, resend_in=30, resent=True),
            "wrong": cls(**base, problem=Problem(code="pin_wrong", data=(("left", 3),))),
            "malformed": cls(**base, problem=Problem(code="pin_malformed", data=(("digits", 6),))),
            "delivered": cls(**base, delivery="delivered"),
            "unreachable": cls(**base, delivery="unreachable"),
            "no-more-messages": cls(**base, can_resend=False),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedPage(Page):
    """A sign-in that cannot go on as it is, and the way on.

    `reason`: `expired` (the code ran out), `locked` (five wrong tries; data in `minutes`), `elsewhere` (opened in
    another browser, or cookies are off), `finished` (this sign-in was completed already), `gone` (nothing known).
    `again_url` starts anew; None only where nothing can be restarted.
    """

    template: ClassVar[str] = "signin/stopped.html"

    product: Brand | None
    reason: str
    minutes: int = 0
    again_url: str | None = None
    leave: LeaveForm | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        leave = LeaveForm(action="/oauth2/auth/cancel", hidden=(Hidden(name="ticket", value="t"),))
        return {
            reason: cls(
                product=DEMO_PRODUCT,
                reason=reason,
                minutes=10 if reason == "locked" else 0,
                again_url="/oauth2/auth?client_id=x",
                leave=leave,
            )
            for reason in ("expired", "locked", "elsewhere", "finished")
        } | {"gone": cls(product=None, reason="gone")}
