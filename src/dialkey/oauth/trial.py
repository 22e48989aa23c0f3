"""Try it: runs that a developer starts from the portal, which come back to the portal instead of to the client.

The portal's own address stands in no client's list. It is taken for one request only where `state` is a ticket that the
portal sealed for this client and not long ago; and what such a run signs in are test numbers of the product's
organization, never a subscriber. The callback page then insists on the same session of the same developer.
"""

from __future__ import annotations

import msgspec

from dialkey.base.clock import MINUTE, Instant
from dialkey.base.signed import seal, unseal
from dialkey.storage.keyring import Keyring

CALLBACK = "/portal/try/callback"
LIFETIME = 15 * MINUTE
MAX_TICKET = 2000
_PURPOSE = b"try-it"


class TrialTicket(msgspec.Struct, frozen=True, array_like=True):
    """What `state` says of a run."""

    run: str
    client_id: str
    holder: str
    """A digest of the portal session that began the run."""
    made_at: int
    scope: str
    pkce: bool
    nonce: bool
    prompt: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(TrialTicket).decode


def seal_trial(keyring: Keyring, ticket: TrialTicket) -> str:
    return seal(keyring["page"], _PURPOSE, _encode(ticket))


def open_trial(keyring: Keyring, text: str | None, now: Instant) -> TrialTicket | None:
    """The ticket; None for what the portal did not seal, or too long ago."""
    payload = unseal(keyring["page"], _PURPOSE, text) if text and len(text) <= MAX_TICKET else None
    if payload is None:
        return None
    ticket = _decode(payload)
    return ticket if 0 <= now - ticket.made_at <= LIFETIME else None
