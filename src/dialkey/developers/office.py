"""What every use case of a developer stands on: access, time, chance, keys, the trail, mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.developers.access import Access, Actor
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Given to each use-case class of the room."""

    settings: Settings
    storage: Storage
    clock: Clock
    entropy: Entropy
    keyring: Keyring
    access: Access
    mail: Mail

    async def record(
        self,
        writer: Writer,
        tag: Tag,
        actor: Actor,
        subject: str,
        organization_id: str | None,
        data: Mapping[str, str | int | None] | None = None,
    ) -> None:
        """One line of the trail, in the transaction of the change."""
        await record(
            writer,
            tag,
            entropy=self.entropy,
            now=self.clock.now(),
            actor=actor.name,
            subject=subject,
            organization_id=organization_id,
            data=data,
        )
