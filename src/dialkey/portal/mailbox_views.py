"""The virtual mailbox: the messages that would have been sent, where they stay on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.web.pages import Page

_AT = 1_790_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """One message in the list."""

    id: str
    to: str
    subject: str
    sent_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxPage(Page):
    """Messages to everybody, the newest first."""

    template: ClassVar[str] = "portal/mailbox.html"

    rows: tuple[MailRow, ...]
    older_url: str | None = None
    newest: str = ""
    """The id of the newest message: with scripts, the page looks every two seconds whether it still is."""
    poll_url: str = "/mailbox/newest"
    live: bool = True
    """False on older pages, where nothing new appears."""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        rows = (
            MailRow(id="m2", to="ada@voicebox.example", subject="Confirm your e-mail address", sent_at=_AT),
            MailRow(id="m1", to="bo@voicebox.example", subject="You are invited to VoiceBox AB", sent_at=_AT - 90_000),
        )
        return {
            "empty": cls(rows=()),
            "two": cls(rows=rows, newest="m2"),
            "more": cls(rows=rows, newest="m2", older_url="/mailbox?after=m1"),
            "older": cls(rows=rows[1:], newest="m1", live=False),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPiece:
    """A stretch of a message; `href` where it is a link to one of our own pages."""

    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage(Page):
    """One message as a mail program would show it."""

    template: ClassVar[str] = "portal/mail.html"

    sender: str
    to: str
    subject: str
    sent_at: int
    pieces: tuple[MailPiece, ...]
    back_url: str = "/mailbox"

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "plain": cls(
                sender="Dialkey <no-reply@id.example>",
                to="ada@voicebox.example",
                subject="Confirm your e-mail address",
                sent_at=_AT,
                pieces=(
                    MailPiece(text="Hello Ada,\n\nthis link confirms your address:\n\n"),
                    MailPiece(text="https://id.example/portal/verify?token=abc", href="/portal/verify?token=abc"),
                    MailPiece(text="\n\nIt works for a day. If it was not you, do nothing.\n"),
                ),
            )
        }
