"""What the entry pages and the account pages share: what was sent where, passkey offers, the words of refused forms."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from dialkey.accounts.model import PasskeyOffer
from dialkey.accounts.passwords import MAX_PASSWORD, MIN_PASSWORD
from dialkey.base.clock import DAY, MINUTE, SECOND, Instant
from dialkey.base.signed import seal, unseal
from dialkey.portal.entry_views import PasskeyAsk, all_said, said
from dialkey.portal.house import PortalHouse
from dialkey.portal.shell_views import Problems
from dialkey.settings import Settings
from dialkey.storage.keyring import Keyring
from dialkey.web.cookies import Cookie

_SENT = b"portal-sent"
_LONGEST_SENT = 340
"""Bytes that fit into a cookie of ours."""


class SentNote:
    """Remembers, in the browser alone, where a message was just sent and where its reader wanted to go."""

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        self._keys = keyring["page"]
        self._cookie = Cookie("dialkey_portal_sent", secure=settings.secure, max_age=DAY // SECOND)

    def put(self, kind: str, email: str, next_url: str = "") -> str:
        """A Set-Cookie header."""
        payload = msgspec.msgpack.encode((kind, email, next_url))
        if len(payload) > _LONGEST_SENT:
            payload = msgspec.msgpack.encode((kind, email[:200] if email.isascii() else "", ""))
        return self._cookie.put(seal(self._keys, _SENT, payload))

    def read(self, request: Request, kind: str) -> tuple[str, str]:
        """(e-mail, next); empty where nothing of the kind is known."""
        payload = unseal(self._keys, _SENT, self._cookie.read(request) or "")
        if payload is None:
            return "", ""
        known, email, next_url = msgspec.msgpack.decode(payload, type=tuple[str, str, str])
        return (email, next_url) if known == kind else ("", "")

    def drop(self) -> str:
        return self._cookie.drop()


def ask(offer: PasskeyOffer, action: str) -> PasskeyAsk:
    return PasskeyAsk(action=action, options=offer.options, ticket=offer.ticket)


def unfit(problems: Mapping[str, str]) -> Problems:
    """The words of what the rules refused."""
    return all_said(problems, least=MIN_PASSWORD, most=MAX_PASSWORD)


def later(house: PortalHouse, retry_at: Instant) -> Problems:
    """The words of a limit."""
    return said("form", "too_many", minutes=max(1, -(-(retry_at - house.clock.now()) // MINUTE)))


def passkeys_possible(settings: Settings) -> bool:
    """Browsers make passkeys for host names, not for addresses (WebAuthn level 3, section 5.1.3)."""
    try:
        ip_address(urlsplit(settings.issuer).hostname or "")
    except ValueError:
        return True
    return False
