"""Links with which a product lets its own subscriber remove it: made for one grant, good once, for an hour.

Only a digest is kept. Whoever has the link may remove this one product and nothing else; it tells nobody's number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialkey.base.clock import HOUR, Clock, Instant, after
from dialkey.base.entropy import Entropy, random_text
from dialkey.consent import store
from dialkey.storage import Row, Storage, Writer
from dialkey.storage.keyring import Keyring

PREFIX = "dk_rl_"
LIFETIME = HOUR
_LENGTH = len(PREFIX) + 43


class Ending(StrEnum):
    """What became of a link that was used."""

    REMOVED = "removed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalLink:
    digest: str
    subscription_id: str
    product_id: str
    operator_id: str
    client_id: str
    grant_id: str
    redirect_uri: str
    state: str
    expires_at: Instant
    ending: Ending | None = None
    """None while it is good."""


class RemovalLinks:
    """Makes, finds and spends them."""

    def __init__(self, storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy) -> None:
        self._storage = storage
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy

    async def make(
        self,
        writer: Writer,
        *,
        subscription_id: str,
        product_id: str,
        operator_id: str,
        client_id: str,
        grant_id: str,
        redirect_uri: str,
        state: str,
    ) -> str:
        """The token that goes into the link, once."""
        token, now = PREFIX + random_text(self._entropy, 32), self._clock.now()
        await writer.run(
            store.ADD_LINK,
            digest=self._digest(token),
            subscription_id=subscription_id,
            product_id=product_id,
            operator_id=operator_id,
            client_id=client_id,
            grant_id=grant_id,
            redirect_uri=redirect_uri,
            state=state,
            now=now,
            expires_at=after(now, LIFETIME),
        )
        return token

    async def find(self, token: str) -> RemovalLink | None:
        """The link of a token, used or expired ones too while they are remembered."""
        if not token.startswith(PREFIX) or len(token) != _LENGTH:
            return None
        return await self.find_by_digest(self._digest(token))

    async def find_by_digest(self, digest: str) -> RemovalLink | None:
        row = await self._storage.read.one(store.FIND_LINK, digest=digest)
        return None if row is None else _link(row)

    async def spend(self, writer: Writer, digest: str, ending: Ending) -> bool:
        """True for the one caller who used it, in time."""
        now = self._clock.now()
        return await writer.one(store.SPEND_LINK, digest=digest, outcome=ending.value, now=now) is not None

    def _digest(self, token: str) -> str:
        return self._keyring.digest("removal-link", token)


def _link(row: Row) -> RemovalLink:
    return RemovalLink(
        digest=row.digest,
        subscription_id=row.subscription_id,
        product_id=row.product_id,
        operator_id=row.operator_id,
        client_id=row.client_id,
        grant_id=row.grant_id,
        redirect_uri=row.redirect_uri,
        state=row.state,
        expires_at=row.expires_at,
        ending=None if row.outcome is None else Ending(row.outcome),
    )
