"""A mail, and what became of it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from dialkey.base.clock import Instant

MAX_SUBJECT = 150
MAX_TEXT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is written to somebody, in plain text. `kind` is a stable word for metrics and the mailbox: `sign_up`,
    `password_reset`, `invitation`. Paragraphs are separated by empty lines; an address on a line of its own becomes a
    button where HTML is shown."""

    subject: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A stored mail, opened."""

    id: str
    to: str
    subject: str
    text: str
    kind: str
    queued_at: Instant


class Unmailable(ValueError):
    """An address or a text that would not arrive as one mail to one person: line ends, several addresses, no address."""


def one_line(text: str, *, most: int = 60) -> str:
    """Somebody else's words, such as the name of an organization, fit for a subject or a sentence of a mail: no line
    ends, control or direction characters, no address that a mail program would make a link of, and not too long."""
    kept = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else "" if unicodedata.category(c) == "Cf" else c
        for c in text
    )
    words = []
    for word in kept.split():
        head, dot, tail = word.partition(".")
        looks_like_link = "/" in word or "@" in word or (dot and head and tail[:1].isalnum())
        words.append(word.replace("/", " ").replace(".", " ").replace("@", " ") if looks_like_link else word)
    joined = " ".join(" ".join(words).split())
    return joined if len(joined) <= most else joined[: most - 1].rstrip() + "…"
