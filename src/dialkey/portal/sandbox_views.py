"""The pages of the sandbox: an organization's test numbers, and each with its handset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.shell_views import FieldProblem, Named, Place, Problems
from dialkey.sms.views import HandsetMessage
from dialkey.subscribers.model import MOST_NUMBERS, ForcedOutcome
from dialkey.web.errors import Refusal
from dialkey.web.i18n import LOCALES
from dialkey.web.pages import Page

RIGHT = Problems()
PLACE = Place(
    section="org-sandbox", organization=Named(id="org0000000000000", name="VoiceBox Labs"), role="developer"
)

OUTCOMES = (
    (
        ForcedOutcome.NONE,
        "As usual",
        "Nothing is forced. The PIN on the handset is right, and consent is asked for.",
    ),
    (
        ForcedOutcome.WRONG_PIN,
        "Every PIN is wrong",
        "The page says so until no tries are left, then it locks. Your client hears nothing, or error=access_denied once"
        " the person cancels.",
    ),
    (
        ForcedOutcome.PIN_EXPIRED,
        "The PIN has run out",
        "Whatever is typed, the page says that the code expired and offers to start again. Your client hears nothing, or"
        " error=access_denied once the person cancels.",
    ),
    (
        ForcedOutcome.TOO_MANY_MESSAGES,
        "Too many messages",
        "No PIN is sent: the number page asks to wait ten minutes. Your client hears nothing, or error=access_denied once"
        " the person cancels.",
    ),
    (
        ForcedOutcome.NOT_DELIVERED,
        "The message never arrives",
        "The PIN page waits and the handset stays silent, also when a new code is asked for. Your client hears nothing, or"
        " error=access_denied once the person cancels.",
    ),
    (
        ForcedOutcome.DECLINED,
        "The subscriber declines",
        "Straight after the right PIN, your redirect URI gets error=access_denied and your state.",
    ),
    (
        ForcedOutcome.SIM_SWAPPED,
        "The SIM card was just changed",
        "After the right PIN, your redirect URI gets error=access_denied and your state; nobody stays signed in. The event"
        " log of your client says sim_swapped.",
    ),
    (
        ForcedOutcome.SUSPENDED,
        "The subscription is suspended",
        "At once and until you reset it: your refresh tokens get invalid_grant, access tokens stop working, and signing in"
        " goes as for a number that nobody has.",
    ),
)
"""(outcome, title, what the developer's client will see)."""
TITLES = {outcome.value: title for outcome, title, _ in OUTCOMES}
SHORT = {
    "none": "As usual",
    "wrong_pin": "Wrong PIN",
    "pin_expired": "PIN expired",
    "too_many_messages": "Too many",
    "not_delivered": "Not delivered",
    "declined": "Declines",
    "sim_swapped": "SIM changed",
    "suspended": "Suspended",
}
"""For the list."""

WORDS = {
    "sandbox_full": f"An organization has at most {MOST_NUMBERS} test numbers. Remove one first.",
    "count": f"Choose between 1 and {MOST_NUMBERS}.",
    "label": "Use at most 60 characters, all of them visible.",
    "locale": "Choose one of the languages.",
    "brand": "This operator is not there any more. Choose another one.",
    "pin": "Use exactly {digits} digits.",
    "outcome": "Choose one of the outcomes.",
}


def problems_of(refusal: Refusal) -> Problems:
    """The words of a refused change, beside its field."""
    text = WORDS[refusal.code].format(**refusal.data)
    return Problems((FieldProblem(field=str(refusal.data.get("field", "")), text=text),))


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRow:
    """One test number."""

    number: str
    """Grouped for reading."""
    digits: str
    """As it stands in addresses."""
    label: str = ""
    outcome: str = "none"
    once: bool = True
    fixed_pin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPage(Page):
    """An organization's test numbers. Posts `count` to `…/sandbox/add`."""

    template: ClassVar[str] = "portal/sandbox.html"

    place: Place
    csrf: str
    rows: tuple[SandboxRow, ...] = ()
    titles: dict[str, str]
    most: int = MOST_NUMBERS
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        rows = tuple(
            SandboxRow(number=f"+999 204 118 60{n}", digits=f"99920411860{n}", **more)  # type: ignore[arg-type]
            for n, more in enumerate(
                (
                    {"label": "Happy path", "fixed_pin": True},
                    {"label": "Says no", "outcome": "declined", "once": False},
                    {"outcome": "wrong_pin"},
                    {"label": "Suspended in March, do not touch please", "outcome": "suspended", "once": False},
                    {},
                )
            )
        )
        base = {"place": PLACE, "csrf": "t", "titles": SHORT}
        return {
            "some": cls(**base, rows=rows),  # type: ignore[arg-type]
            "none": cls(**base),  # type: ignore[arg-type]
            "viewer": cls(**{**base, "place": replace(PLACE, role="viewer")}, rows=rows),  # type: ignore[arg-type]
            "full": cls(**base, rows=rows, problems=problems_of(Refusal(409, "sandbox_full"))),  # type: ignore[arg-type]
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxNumberPage(Page):
    """One test number with its handset. Posts `outcome` and `lasts` to `…/outcome`, `pin` to `…/pin`, and `label`,
    `locale`, `brand` to `…/label`. `events_url` streams messages as they arrive."""

    template: ClassVar[str] = "portal/sandbox_number.html"

    place: Place
    csrf: str
    row: SandboxRow
    subject_note: str = ""
    """The subscription that has the number now, as logs name it."""
    messages: tuple[HandsetMessage, ...] = ()
    events_url: str = ""
    outcomes: tuple[tuple[str, str, str], ...] = tuple((outcome.value, title, text) for outcome, title, text in OUTCOMES)
    lasts: str = "once"
    pin: str = ""
    """The fixed one; empty: a new one every time."""
    pin_digits: int = 6
    label: str = ""
    locale: str = ""
    locales: tuple[tuple[str, str], ...] = (("", "The language of the sign-in page"), *LOCALES.items())
    brand: str = ""
    brands: tuple[tuple[str, str], ...] = (("", "Neutral: Test operator"),)
    problems: Problems = RIGHT

    @property
    def forced(self) -> str:
        """The title of what is forced now; empty: nothing."""
        return "" if self.row.outcome == "none" else TITLES[self.row.outcome]

    @classmethod
    def samples(cls) -> dict[str, Page]:
        body = "493021 is your code for VoiceBox. Do not share it. It is valid for 5 minutes.\n\n@id.example #493021"
        message = HandsetMessage(id="m1", sender="Test", body=body, code="493021", received_at=1_790_000_000_000)
        row = SandboxRow(number="+999 204 118 600", digits="999204118600", label="Happy path")
        base = {
            "place": PLACE,
            "csrf": "t",
            "row": row,
            "subject_note": "x7Rk2mQ9sLw0Zt4vB8nJ3g",
            "events_url": "/portal/o/org0000000000000/sandbox/999204118600/events",
            "label": "Happy path",
            "brands": (("", "Neutral: Test operator"), ("nordcell", "Nordcell")),
        }
        forced = {**base, "row": replace(row, outcome="declined", once=False), "lasts": "always"}
        return {
            "silent": cls(**base),  # type: ignore[arg-type]
            "message": cls(**base, messages=(message,), pin="000000", brand="nordcell", locale="sv"),  # type: ignore[arg-type]
            "forced": cls(**forced, messages=(message,)),  # type: ignore[arg-type]
            "viewer": cls(**{**base, "place": replace(PLACE, role="viewer")}, messages=(message,)),  # type: ignore[arg-type]
            "wrong": cls(**base, pin="12", problems=problems_of(Refusal(422, "pin", field="pin", digits=6))),  # type: ignore[arg-type]
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxEndPage(Page):
    """Asks before a number goes to somebody else (`recycle`) or away (`remove`)."""

    template: ClassVar[str] = "portal/sandbox_end.html"

    place: Place
    csrf: str
    row: SandboxRow
    act: str

    @classmethod
    def samples(cls) -> dict[str, Page]:
        row = SandboxRow(number="+999 204 118 600", digits="999204118600", label="Happy path")
        return {act: cls(place=PLACE, csrf="t", row=row, act=act) for act in ("recycle", "remove")}
