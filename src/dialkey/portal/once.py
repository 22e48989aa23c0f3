"""Forms that make something exactly once: a ticket in the form is spent by the first one who sends it."""

from __future__ import annotations

import msgspec

from dialkey.base.clock import HOUR, Instant
from dialkey.base.ids import new_id
from dialkey.base.signed import seal, unseal
from dialkey.portal.house import PortalHouse
from dialkey.storage import Writer

_PURPOSE = b"portal-once"
_LIFETIME = 12 * HOUR
_HOLDER = "portal:once"
_encode = msgspec.msgpack.Encoder().encode
_ticket = msgspec.msgpack.Decoder(tuple[str, str, int])


def new_ticket(house: PortalHouse, purpose: str) -> str:
    """The value of a form's `ticket` field."""
    content = _encode((purpose, new_id(house.entropy), house.clock.now()))
    return seal(house.keyring["page"], _PURPOSE, content)


async def spend_ticket(house: PortalHouse, purpose: str, text: str) -> bool:
    """True for the first one who presents a ticket of ours in time; of any number at once, one. It stays spent whatever
    becomes of the request, so a form that is shown again gets a new one."""
    payload = unseal(house.keyring["page"], _PURPOSE, text) if len(text) < 500 else None
    if payload is None:
        return False
    meant, ticket_id, made_at = _ticket.decode(payload)
    expires_at = Instant(made_at + _LIFETIME)
    if meant != purpose or house.clock.now() > expires_at:
        return False

    async def unit(writer: Writer) -> bool:
        return await house.client_directory.spend_assertion(writer, _HOLDER, ticket_id, expires_at)

    return await house.storage.write(unit)
