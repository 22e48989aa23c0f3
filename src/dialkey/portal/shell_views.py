"""What surrounds a portal page: where it stands, who reads it, and the problems and notes that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dialkey.portal import words
from dialkey.web.errors import Refusal
from dialkey.web.pages import Frame, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An organization, product or client as breadcrumbs and headings show it."""

    id: str
    name: str
    status: str = ""
    """A key of the macro `p.chip`: `draft`, `review`, `live`, `suspended`, …; empty: nothing is said."""
    accent: str = "#1f5eff"
    icon_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page stands. Breadcrumbs, side navigation and tabs follow from it.

    `section` is one of `home`; `account`, `account-security`, `account-sessions`, `account-keys`; `org`, `org-members`,
    `org-sandbox`, `org-keys`, `org-webhooks`, `org-notifications`, `org-audit`, `org-settings`; `product-general`,
    `product-listing`, `product-scopes`, `product-clients`, `product-analytics`, `product-submit`; `client-settings`,
    `client-secrets`, `client-keys`, `client-try`, `client-events`.
    """

    section: str = ""
    organization: Named | None = None
    product: Named | None = None
    client: Named | None = None
    role: str = "viewer"
    """The reader's role in the organization: `viewer`, `developer` or `owner`."""

    @property
    def may_edit(self) -> bool:
        return self.role in ("developer", "owner")

    @property
    def may_own(self) -> bool:
        return self.role == "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class NavOrganization:
    """One line of the organization switcher."""

    id: str
    name: str
    role: str
    unread: int = 0
    """Notices that the reader has not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """Who reads, and what they can reach."""

    account_name: str
    account_email: str
    organizations: tuple[NavOrganization, ...] = ()
    mailbox: bool = False
    """Whether this installation has the virtual mailbox."""
    token: str = ""
    """For the sign-out button."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalFrame(Frame):
    """A frame with the portal's navigation; without it the page stands alone."""

    nav: Navigation | None = None
    note: str = ""
    """What just happened, after a redirect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """Why a form came back: beside which field, and the words. An empty field name: the form as a whole."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Problems:
    """All problems of a form; false where there is none."""

    items: tuple[FieldProblem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    def on(self, field: str) -> str | None:
        """The words beside one field."""
        return next((item.text for item in self.items if item.field == field), None)

    def elsewhere(self, *fields: str) -> tuple[str, ...]:
        """The words of problems that belong to none of these fields: for the banner above the form."""
        return tuple(item.text for item in self.items if item.field not in fields)

    @classmethod
    def of(cls, refusal: Refusal, field: str = "") -> Problems:
        """From a refused change: its `field` where it names one, else `field`."""
        named = str(refusal.data.get("field", "") or field)
        return cls((FieldProblem(field=named, text=words.problem(refusal.code, refusal.data)),))

    @classmethod
    def at(cls, field: str, code: str, **data: str | int) -> Problems:
        """One problem by its code."""
        return cls((FieldProblem(field=field, text=words.problem(code, data)),))

    @classmethod
    def by_field(cls, codes: Mapping[str, str]) -> Problems:
        """Several: codes by field."""
        return cls(tuple(FieldProblem(field=field, text=words.problem(code, {})) for field, code in codes.items()))


NO_PROBLEMS = Problems()
HOME_PLACE = Place(section="home")
NOWHERE = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRefusalPage(Page):
    """A calm no, within the portal."""

    template: ClassVar[str] = "portal/refused.html"

    headline: str
    text: str
    request_id: str = ""
    place: Place = NOWHERE

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            code: cls(headline=headline, text=text, request_id="Qm9vQm9v")
            for code, (headline, text) in words.REFUSALS.items()
        }
