"""Test numbers and their virtual handsets, in a developer's name."""

from __future__ import annotations

from collections.abc import Sequence

from dialkey.developers.access import Access, Actor, Role
from dialkey.sms.model import Received
from dialkey.sms.store import HandsetStore
from dialkey.subscribers.model import ForcedOutcome, SandboxNumber
from dialkey.subscribers.sandbox import SandboxNumbers

READ, WRITE = "sandbox:read", "sandbox:write"
"""What an API key needs."""


class Sandbox:
    """The test numbers of an organization. Looking takes a viewer, changing a developer; another organization's number
    is 404 `no_such_number`, as is one that nobody has. Every method fetches in the actor's name first."""

    def __init__(self, access: Access, numbers: SandboxNumbers, handsets: HandsetStore) -> None:
        self._access = access
        self._numbers = numbers
        self._handsets = handsets

    async def list(self, actor: Actor, organization_id: str) -> Sequence[SandboxNumber]:
        """All of them, at most a hundred, the oldest first. The first ten are made when this is asked for the first
        time."""
        await self._look(actor, organization_id)
        return await self._numbers.list_or_open(organization_id)

    async def get(self, actor: Actor, organization_id: str, number: str) -> SandboxNumber:
        """`number` with or without its plus sign."""
        await self._look(actor, organization_id)
        return await self._numbers.get(organization_id, number)

    async def messages(self, actor: Actor, organization_id: str, number: str) -> Sequence[Received]:
        """What lies on its handset, the latest first; for a day."""
        return (await self.handset(actor, organization_id, number))[1]

    async def handset(
        self, actor: Actor, organization_id: str, number: str
    ) -> tuple[SandboxNumber, Sequence[Received]]:
        """The number and what lies on its handset."""
        found = await self.get(actor, organization_id, number)
        return found, await self._handsets.list_messages(found.number)

    async def add(self, actor: Actor, organization_id: str, count: int = 1) -> Sequence[SandboxNumber]:
        """New numbers, which nobody chooses. 409 `sandbox_full` past a hundred; 422 `count`."""
        await self._change(actor, organization_id)
        return await self._numbers.add(actor=actor.name, organization_id=organization_id, count=count)

    async def remove(self, actor: Actor, organization_id: str, number: str) -> None:
        """For good: its sessions, grants and consents end."""
        await self._change(actor, organization_id)
        await self._numbers.remove(actor=actor.name, organization_id=organization_id, number=number)

    async def label(
        self,
        actor: Actor,
        organization_id: str,
        number: str,
        *,
        label: str,
        locale: str | None = None,
        brand_operator_id: str | None = None,
    ) -> SandboxNumber:
        """Its name, the language of its messages, and whose brand the consent page shows. 422 `label`, `locale`,
        `brand`."""
        await self._change(actor, organization_id)
        return await self._numbers.label(
            actor=actor.name,
            organization_id=organization_id,
            number=number,
            label=label,
            locale=locale,
            brand_operator_id=brand_operator_id,
        )

    async def set_pin(self, actor: Actor, organization_id: str, number: str, pin: str | None) -> SandboxNumber:
        """The same PIN every time, or None for new ones. 422 `pin` unless it has as many digits as all PINs here."""
        await self._change(actor, organization_id)
        return await self._numbers.set_pin(
            actor=actor.name, organization_id=organization_id, number=number, pin=pin
        )

    async def set_outcome(
        self, actor: Actor, organization_id: str, number: str, outcome: ForcedOutcome, *, once: bool = True
    ) -> SandboxNumber:
        """What the next sign-in comes to (`once`), or every one until it is reset with `ForcedOutcome.NONE`. A suspended
        subscription is suspended at once, and until it is reset."""
        await self._change(actor, organization_id)
        return await self._numbers.set_outcome(
            actor=actor.name, organization_id=organization_id, number=number, outcome=outcome, once=once
        )

    async def recycle(self, actor: Actor, organization_id: str, number: str) -> SandboxNumber:
        """The number goes to somebody else, at once: sessions, grants and consents end, and who signs in next has
        another `sub`."""
        await self._change(actor, organization_id)
        return await self._numbers.recycle(actor=actor.name, organization_id=organization_id, number=number)

    async def _look(self, actor: Actor, organization_id: str) -> None:
        await self._access.organization(actor, organization_id, Role.VIEWER, grant=READ)

    async def _change(self, actor: Actor, organization_id: str) -> None:
        await self._access.organization(actor, organization_id, Role.DEVELOPER, grant=WRITE)

