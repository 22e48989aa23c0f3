"""Signing in with a password, a second factor, and proving again who one is."""

from __future__ import annotations

from dialkey.accounts import emails, store
from dialkey.accounts.codes import CodeRules
from dialkey.accounts.model import AccountSession, Done, NeedsSecondFactor, SignedIn, TooMany, Wrong
from dialkey.accounts.office import Address
from dialkey.audit import Tag
from dialkey.base.clock import MINUTE, after
from dialkey.base.entropy import random_text
from dialkey.base.ids import new_id
from dialkey.storage import Row, Writer
from dialkey.storage.limits import OverLimit, give_back, hit

SECOND_FACTOR_TRIES = 5
SECOND_FACTOR_LIFETIME = 10 * MINUTE


class EnteringRules(CodeRules):
    """Each try is counted before it is looked at, and given back where it was right."""

    async def sign_in(
        self, email: str, password: str, *, address: Address, agent: str, replaces: str | None = None
    ) -> SignedIn | NeedsSecondFactor | Wrong | TooMany:
        """`replaces` is the session token that the browser had: that session ends when this one begins. `agent` is the
        User-Agent header."""
        normal = emails.normalized(email) or ""
        limits = self._password_limits(normal, address)
        try:
            await self._count(limits)
        except OverLimit as over:
            return TooMany(over.retry_at)
        account = await self._storage.read.one(store.ACCOUNT_BY_EMAIL, email=normal)
        known = None if account is None else account.password_hash
        if not await self._hasher.verify(known, password) or account is None or known is None:
            return Wrong()
        renewed = await self._hasher.hash(password) if self._hasher.needs_rehash(known) else None

        async def unit(writer: Writer) -> SignedIn | NeedsSecondFactor | Wrong:
            now_known = await writer.one(store.ACCOUNT, id=account.id)
            if now_known is None or now_known.password_hash != known:
                return Wrong()  # changed while this one was being looked at: its sessions have just been ended
            await give_back(writer, self._keyring, limits)
            if renewed is not None:
                await writer.run(store.REHASH, id=account.id, old=known, new=renewed)
            if account.second_factor:
                return await self._ask_second_factor(writer, account)
            return await self._begin_session(
                writer, account.id, amr=("pwd",), address=address, agent=agent, replaces=replaces
            )

        return await self._storage.write(unit)

    async def second_factor(
        self, ticket: str, code: str, *, address: Address, agent: str, replaces: str | None = None
    ) -> SignedIn | Wrong | TooMany:
        """A code of the authenticator app, or a recovery code. `Wrong(left=0)`: begin with the password again."""
        digest = self._digest("sign-in", ticket)

        async def count(writer: Writer) -> Row | None:
            values = {"ticket_digest": digest, "most": SECOND_FACTOR_TRIES, "now": self._clock.now()}
            waiting = await writer.one(store.TRY_SIGN_IN, **values)
            if waiting is not None:
                await hit(writer, self._keyring, self._clock.now(), self._code_limits(waiting.account_id))
            return waiting

        try:
            waiting = await self._storage.write(count)
        except OverLimit as over:
            return TooMany(over.retry_at)
        if waiting is None:
            return Wrong(left=0)
        account = await self._storage.read.one(store.ACCOUNT, id=waiting.account_id)
        if account is None:
            return Wrong(left=0)
        left = SECOND_FACTOR_TRIES - waiting.tries

        async def unit(writer: Writer) -> SignedIn | Wrong:
            kind = await self._spend_code(writer, account.id, account.email, code)
            if kind is None:
                if left == 0:
                    await self._record(writer, Tag.ACCOUNT_SECOND_FACTOR_LOCKED, account.id)
                    await self._notify(writer, account.email, self._letters.second_factor_failed())
                return Wrong(left=left)
            await writer.run(store.FINISH_SIGN_IN, id=waiting.id)
            await give_back(writer, self._keyring, self._code_limits(account.id))
            return await self._begin_session(
                writer, account.id, amr=("pwd", "otp", "mfa"), address=address, agent=agent, replaces=replaces
            )

        outcome = await self._storage.write(unit)
        self._mail.wake()
        return outcome

    async def prove(
        self, session: AccountSession, *, password: str, code: str = "", address: Address
    ) -> Done | Wrong | TooMany:
        """The password, and a code where there is a second factor: the session is strong from now on."""
        limits = self._password_limits(session.email, address)
        codes = self._code_limits(session.account_id) if session.second_factor else []
        try:
            await self._count([*limits, *codes])
        except OverLimit as over:
            return TooMany(over.retry_at)
        account = await self._storage.read.one(store.ACCOUNT, id=session.account_id)
        known = None if account is None else account.password_hash
        if not await self._hasher.verify(known, password):
            return Wrong()

        async def unit(writer: Writer) -> Done | Wrong:
            if session.second_factor and not await self._spend_code(writer, session.account_id, session.email, code):
                return Wrong()
            await give_back(writer, self._keyring, [*limits, *codes])
            await self._strengthen(writer, session)
            return Done()

        outcome = await self._storage.write(unit)
        self._mail.wake()
        return outcome

    async def _strengthen(self, writer: Writer, session: AccountSession) -> None:
        values = {"id": session.id, "account_id": session.account_id, "now": self._clock.now()}
        await writer.run(store.STRENGTHEN_SESSION, **values)

    async def _ask_second_factor(self, writer: Writer, account: Row) -> NeedsSecondFactor:
        ticket = random_text(self._entropy, 32)
        await writer.run(
            store.ADD_SIGN_IN,
            id=new_id(self._entropy),
            ticket_digest=self._digest("sign-in", ticket),
            account_id=account.id,
            expires_at=after(self._clock.now(), SECOND_FACTOR_LIFETIME),
        )
        return NeedsSecondFactor(ticket)
