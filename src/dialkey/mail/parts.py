"""The parts of a mail as it travels: who it is for, what may stand in it, and how its text looks as HTML."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from dialkey.base.clock import Instant
from dialkey.mail.model import MAX_SUBJECT, MAX_TEXT, Letter, Message, Unmailable

_RECIPIENT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_SENDER = re.compile(r"(?:([^<>\"@,;:\x00-\x1f]{0,80}) <([^<>\s]+)>|([^<>\s]+))")
_LINK = re.compile(r"https?://[^\s<>\"]+")


def recipient(to: str) -> str:
    """One bare address; raises Unmailable for anything else."""
    if len(to) > 254 or _RECIPIENT.fullmatch(to) is None:
        raise Unmailable("not one plain address")
    return to


def checked(message: Message) -> Message:
    """Raises Unmailable where the subject is not one line, or anything is too long."""
    if not message.subject.strip() or len(message.subject) > MAX_SUBJECT or _CONTROL.search(message.subject):
        raise Unmailable("the subject")
    if not message.text.strip() or len(message.text) > MAX_TEXT or _CONTROL.search(message.text.replace("\n", "")):
        raise Unmailable("the text")
    return message


def sender(text: str) -> Address | None:
    """`Name <a@b.example>` or a bare address; None for anything else."""
    match = _SENDER.fullmatch(text)
    if match is None:
        return None
    name, address = (match[1] or "").strip(), match[2] or match[3]
    try:
        return Address(display_name=name, addr_spec=recipient(address))
    except (ValueError, IndexError):
        return None


def compose(letter: Letter, *, sent_by: Address, host: str, now: Instant) -> EmailMessage:
    """RFC 5322, plain text with an HTML alternative. The Message-ID follows from the letter's id, so that a mail that
    was sent twice can be told."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sent_by
    mail["To"] = Address(addr_spec=recipient(letter.to))
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(now / 1000, UTC))
    mail["Message-ID"] = f"<{letter.id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notices back
    mail.set_content(letter.text + "\n")
    mail.add_alternative(as_html(letter.text), subtype="html")
    return mail


def as_html(text: str) -> str:
    """The same words: paragraphs, and an address on a line of its own as a link. Everything else is escaped."""
    paragraphs = []
    for paragraph in text.strip().split("\n\n"):
        line = paragraph.strip()
        if _LINK.fullmatch(line):
            paragraphs.append(f'<p><a href="{escape(line)}">{escape(line)}</a></p>')
        else:
            paragraphs.append("<p>" + escape(line).replace("\n", "<br>\n") + "</p>")
    return '<!doctype html>\n<html lang="en"><body>\n' + "\n".join(paragraphs) + "\n</body></html>\n"
