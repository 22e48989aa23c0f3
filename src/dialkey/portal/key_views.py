"""Pages of API keys: an organization's, and personal ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.organization_views import AT, FINE, place
from dialkey.portal.shell_views import Place, Problems
from dialkey.web.pages import Page

SCOPES = (
    ("Organization", (
        ("organization:read", "Read", "Its name, members and webhooks."),
        ("organization:write", "Write", "Rename it, change webhooks."),
    )),
    ("Products", (
        ("products:read", "Read", "Products, versions and listings."),
        ("products:write", "Write", "Create, change and submit them."),
    )),
    ("Clients", (
        ("clients:read", "Read", "Clients and their settings."),
        ("clients:write", "Write", "Create and change them."),
        ("secrets:write", "Secrets", "Make and revoke client secrets."),
    )),
    ("Sandbox", (
        ("sandbox:read", "Read", "Test numbers and what is texted to them."),
        ("sandbox:write", "Write", "Add and change test numbers."),
    )),
    ("Insight", (
        ("analytics:read", "Analytics", "Sign-ins and conversion."),
        ("events:read", "Event log", "What clients did, and why it failed."),
        ("audit:read", "Audit log", "Who changed what."),
    )),
)  # fmt: skip
"""Every scope, in groups: (scope, title, text)."""
EXPIRIES = (
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "One year"),
    ("never", "Never"),
)
"""Days from now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key in the list."""

    id: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    expired: bool = False


_PERSONAL = Place(section="account-keys")
_ROW = KeyRow(
    id="k1", name="Terraform", hint="x7Qa", scopes=("products:read", "clients:write"), created_by="Ada Lovelace",
    created_at=AT, expires_at=None, last_used_at=AT,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysPage(Page):
    """The live keys, and those that ran out this week."""

    template: ClassVar[str] = "portal/api_keys.html"

    place: Place
    base: str
    """`/portal/o/{id}/keys` or `/portal/account/keys`."""
    keys: tuple[KeyRow, ...] = ()
    allowed: bool = True
    """Whether the reader may see and make keys here."""
    closing: bool = False

    @property
    def personal(self) -> bool:
        return self.place.organization is None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-keys"), base="/portal/o/o1/keys")
        old = replace(_ROW, id="k2", name="Old CI", expires_at=AT, last_used_at=None, expired=True)
        mine = cls(place=_PERSONAL, base="/portal/account/keys")
        return {
            "empty": base,
            "two": replace(base, keys=(_ROW, old)),
            "not-allowed": replace(base, place=place("org-keys", "developer"), allowed=False),
            "personal-empty": mine,
            "personal": replace(mine, keys=(_ROW,)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyPage(Page):
    """Posts `name`, a tick per scope (`scope.products:read`), `expires`, `ticket`."""

    template: ClassVar[str] = "portal/api_keys_new.html"

    place: Place
    base: str
    csrf: str
    ticket: str
    name: str = ""
    chosen: frozenset[str] = frozenset()
    expires: str = "90"
    groups: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = SCOPES
    expiries: tuple[tuple[str, str], ...] = EXPIRIES
    problems: Problems = FINE

    @property
    def personal(self) -> bool:
        return self.place.organization is None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place("org-keys"), base="/portal/o/o1/keys", csrf="t", ticket="t")
        wrong = Problems.by_field({"name": "required", "scopes": "scopes"})
        return {
            "new": base,
            "wrong": replace(base, problems=wrong),
            "personal": replace(base, place=_PERSONAL, base="/portal/account/keys", chosen=frozenset({"clients:read"})),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMadePage(Page):
    """The only answer that ever shows the key."""

    template: ClassVar[str] = "portal/api_keys_made.html"

    place: Place
    base: str
    name: str
    token: str
    api_url: str

    @classmethod
    def samples(cls) -> dict[str, Page]:
        token = "dk_ak_" + "0" * 43
        base = cls(place=place("org-keys"), base="/portal/o/o1/keys", name="Terraform", token=token, api_url="https://a.example")
        return {"organization": base, "personal": replace(base, place=_PERSONAL, base="/portal/account/keys")}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevokePage(Page):
    """Asks."""

    template: ClassVar[str] = "portal/api_keys_revoke.html"

    place: Place
    base: str
    csrf: str
    key: KeyRow

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = cls(place=place(""), base="/portal/o/o1/keys", csrf="t", key=_ROW)
        return {"used": base, "never": replace(base, key=replace(_ROW, last_used_at=None))}
