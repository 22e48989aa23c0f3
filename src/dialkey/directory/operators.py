"""Operators, organizations and their people."""

from __future__ import annotations

from dialkey.audit import Tag
from dialkey.base.ids import new_id
from dialkey.directory import names, store
from dialkey.directory.model import Operator
from dialkey.directory.office import Rules, refuse
from dialkey.storage import Writer
from dialkey.storage.engine import Conflict
from dialkey.web.errors import Refusal

ROLES = ("owner", "developer", "viewer")


class OperatorRules(Rules):
    """Mobile operators."""

    async def create_operator(
        self,
        *,
        actor: str,
        slug: str,
        name: str,
        country: str,
        locale: str,
        sms_sender: str,
        accent: str = "#1f5eff",
        icon_id: str | None = None,
        support: str | None = None,
    ) -> str:
        """Gives the operator's id; Refusal 409 `slug_taken`."""
        refuse(slug=names.slug_fault(slug), name=names.name_fault(name), country=names.country_fault(country))
        refuse(locale=names.locale_fault(locale), sms_sender=names.text_fault(sms_sender))
        refuse(accent=names.accent_fault(accent), support=names.support_fault(support))
        operator_id, now = new_id(self._entropy), self._clock.now()

        async def unit(writer: Writer) -> str:
            await writer.run(
                store.ADD_OPERATOR,
                id=operator_id,
                slug=slug,
                name=name,
                country=country,
                locale=locale,
                accent=accent,
                icon_id=icon_id,
                support=support,
                sms_sender=sms_sender,
                now=now,
            )
            await self._record(writer, Tag.OPERATOR_CREATED, actor, f"operator:{operator_id}", operator_id=operator_id)
            return operator_id

        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "slug_taken") from None

    async def find_operator_by_slug(self, slug: str) -> Operator | None:
        row = await self._storage.read.one(store.OPERATOR_BY_SLUG, slug=slug)
        return None if row is None else store.operator(row)

    async def list_operators(self, *, after: str = "", limit: int = 50) -> list[Operator]:
        """A page, in the order of their slugs; the next one starts `after` the last slug."""
        rows = await self._storage.read.all(store.ALL_OPERATORS, after=after, limit=limit)
        return list(map(store.operator, rows))


class OrganizationRules(Rules):
    """Developer companies and their members."""

    async def create_organization(self, *, actor: str, name: str) -> str:
        """Gives its id. It is unverified until somebody who checked it says otherwise."""
        refuse(name=names.name_fault(name))
        organization_id = new_id(self._entropy)

        async def unit(writer: Writer) -> str:
            await writer.run(store.ADD_ORGANIZATION, id=organization_id, name=name, now=self._clock.now())
            await self._record(
                writer,
                Tag.ORGANIZATION_CREATED,
                actor,
                f"organization:{organization_id}",
                organization_id=organization_id,
            )
            return organization_id

        return await self._storage.write(unit)

    async def verify_organization(self, *, actor: str, organization_id: str) -> None:
        """Somebody checked who is behind it: its name is then shown to subscribers."""

        async def unit(writer: Writer) -> None:
            await self._require_organization(writer, organization_id)
            if await writer.run(store.VERIFY_ORGANIZATION, id=organization_id, now=self._clock.now()):
                await self._record(
                    writer,
                    Tag.ORGANIZATION_VERIFIED,
                    actor,
                    f"organization:{organization_id}",
                    organization_id=organization_id,
                )

        await self._storage.write(unit)

    async def find_organization(self, name: str) -> str | None:
        """The id of the oldest organization of this name."""
        row = await self._storage.read.one(store.ORGANIZATION_BY_NAME, name=name)
        return None if row is None else row.id

    async def add_member(self, *, actor: str, organization_id: str, email: str, role: str = "developer") -> str:
        """Gives the member's id; Refusal 409 `member_exists`."""
        email = email.strip().lower()
        if role not in ROLES:
            raise Refusal(422, "role")
        if email.startswith("https:") or names.support_fault(email):
            raise Refusal(422, "email")
        member_id = new_id(self._entropy)

        async def unit(writer: Writer) -> str:
            await self._require_organization(writer, organization_id)
            await writer.run(
                store.ADD_MEMBER,
                id=member_id,
                organization_id=organization_id,
                email=email,
                role=role,
                now=self._clock.now(),
            )
            data = {"role": role}
            await self._record(
                writer, Tag.MEMBER_ADDED, actor, f"member:{member_id}", organization_id=organization_id, data=data
            )
            return member_id

        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "member_exists") from None

    async def add_account(self, *, actor: str, organization_id: str, account_id: str, role: str = "owner") -> str:
        """Makes an account a member, for the command line and the demo. Gives the member's id; Refusal 409
        `member_exists`."""
        if role not in ROLES:
            raise Refusal(422, "role")
        member_id = new_id(self._entropy)

        async def unit(writer: Writer) -> str:
            await self._require_organization(writer, organization_id)
            await writer.run(
                store.ADD_ACCOUNT,
                id=member_id,
                organization_id=organization_id,
                account_id=account_id,
                role=role,
                now=self._clock.now(),
            )
            data = {"role": role}
            await self._record(
                writer, Tag.MEMBER_ADDED, actor, f"member:{member_id}", organization_id=organization_id, data=data
            )
            return member_id

        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "member_exists") from None
