"""The virtual handset: what arrives at a sandbox number, shown as a phone would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.web.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class HandsetMessage:
    id: str
    sender: str
    body: str
    """May hold line breaks."""
    code: str | None
    """The one-time code in it, for the copy button."""
    received_at: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandsetRow:
    number: str
    """Grouped for reading."""
    operator: str
    href: str
    last: HandsetMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandsetListPage(Page):
    """All sandbox numbers."""

    template: ClassVar[str] = "sms/handsets.html"

    rows: tuple[HandsetRow, ...]
    more: bool = False

    @classmethod
    def samples(cls) -> dict[str, Page]:
        message = HandsetMessage(
            id="m1", sender="Nordcell", body="493021 is your VoiceBox code.", code="493021", received_at=1_790_000_000_000
        )
        return {
            "two": cls(
                rows=(
                    HandsetRow(number="+46 70 174 06 05", operator="Nordcell", href="/handset/46701740605", last=message),
                    HandsetRow(number="+47 999 99 901", operator="Fjordtel", href="/handset/4799999901"),
                )
            ),
            "none": cls(rows=()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HandsetPage(Page):
    """One phone. Messages newest first; `events_url` streams new ones as they arrive (server-sent events named
    `message`, data: JSON {id, sender, body, code, received_at})."""

    template: ClassVar[str] = "sms/handset.html"

    number: str
    operator: str
    messages: tuple[HandsetMessage, ...]
    events_url: str
    list_url: str = "/handset"
    refresh_url: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        body = "493021 is your VoiceBox code. Do not share it.\n\n@id.nordcell.example #493021"
        message = HandsetMessage(id="m1", sender="Nordcell", body=body, code="493021", received_at=1_790_000_000_000)
        plain = HandsetMessage(id="m2", sender="Nordcell", body="Welcome.", code=None, received_at=1_789_990_000_000)
        base = {"number": "+46 70 174 06 05", "operator": "Nordcell", "events_url": "/handset/46701740605/events"}
        return {"empty": cls(**base, messages=()), "messages": cls(**base, messages=(message, plain))}
