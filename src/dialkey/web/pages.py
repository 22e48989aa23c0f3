"""Typed pages: what a template may show is a frozen dataclass, and nothing else reaches it.

A *page* is a subclass of :class:`Page`; it names its template and gives samples of every state that it can be in.
A *frame* is what surrounds every page: whose brand, which language, which request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """Whose name stands in the page's header: a product while signing in, an operator while deciding."""

    name: str
    accent: str = "#1f5eff"
    """`#rrggbb`; the theme corrects it until text on it reads at 4.5:1."""
    icon_url: str | None = None
    support: str | None = None
    """An e-mail address or https URL where a human helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One entry of the language switch."""

    code: str
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What surrounds a page."""

    locale: str
    languages: tuple[Language, ...] = ()
    brand: Brand | None = None
    request_id: str = ""
    sandbox: bool = False
    """True where the virtual handset receives the messages: the page then says so and links to it."""
    test_of: str = ""
    """The product whose test mode this is: only its organization's own test numbers can sign in, or one does."""
    handset_url: str | None = None
    language_cookie: str | None = None
    """The Set-Cookie header that keeps a language chosen just now for the pages that follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A hidden form field."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a form came back: a stable code with data; the words live in the catalogue under `problem.<code>`."""

    code: str
    data: tuple[tuple[str, str | int], ...] = ()


class Page:
    """Base of every page context."""

    template: ClassVar[str]
    status: ClassVar[int] = 200

    @classmethod
    def samples(cls) -> dict[str, Page]:
        """One page per state that has to be built and looked at, by the state's name."""
        raise NotImplementedError
