"""Passwords, names and addresses of accounts, and their end."""

from __future__ import annotations

from dialkey.accounts import emails, factor_store, store
from dialkey.accounts.joining import JoiningRules
from dialkey.accounts.model import AccountSession, Done, LinkOver, MailSent, TooMany, Unfit
from dialkey.accounts.office import Address, Asked
from dialkey.accounts.passwords import password_fault
from dialkey.audit import Tag
from dialkey.storage import Writer
from dialkey.storage.engine import Conflict, Unit
from dialkey.storage.limits import OverLimit
from dialkey.web.errors import Refusal


class KeepingRules(JoiningRules):
    """Changes to an account by its person."""

    async def forgot(self, email: str, *, address: Address) -> MailSent | Unfit | TooMany:
        """Mails a link (one hour) where there is such an account."""
        if fault := emails.email_fault(email):
            return Unfit({"email": fault})
        normal = emails.normalized(email) or ""
        return await self._ask("reset", lambda _: Asked(normal), address=address)

    async def reset_password(self, token: str, password: str, *, address: Address) -> Done | Unfit | LinkOver | TooMany:
        """For POST only. Ends all sessions, signs nobody in, leaves the second factor as it is; a notice is mailed."""
        try:
            await self._count(self._request_limits(address))
        except OverLimit as over:
            return TooMany(over.retry_at)
        link = await self._find_link("reset", token)
        account = None if link is None else await self._storage.read.one(store.ACCOUNT, id=link.account_id)
        if account is None:
            return LinkOver()
        if fault := password_fault(password, email=account.email, name=account.name):
            return Unfit({"password": fault})
        hashed = await self._hasher.hash(password)

        async def unit(writer: Writer) -> Done | LinkOver:
            if await self._spend_link(writer, "reset", token) is None:
                return LinkOver()
            await self._put_password(writer, account.id, hashed, but="")
            await self._record(writer, Tag.ACCOUNT_PASSWORD_RESET, account.id)
            await self._notify(writer, account.email, self._letters.password_changed())
            return Done()

        outcome = await self._storage.write(unit)
        self._mail.wake()
        return outcome

    async def change_password(self, session: AccountSession, password: str) -> Done | Unfit:
        """*Strong.* Ends all other sessions; a notice is mailed."""
        self.require_strong(session)
        if fault := password_fault(password, email=session.email, name=session.name):
            return Unfit({"password": fault})
        hashed = await self._hasher.hash(password)

        async def unit(writer: Writer) -> None:
            await self._put_password(writer, session.account_id, hashed, but=session.id)
            await self._record(writer, Tag.ACCOUNT_PASSWORD_CHANGED, session.account_id)
            await self._notify(writer, session.email, self._letters.password_changed())

        await self._storage.write(unit)
        self._mail.wake()
        return Done()

    async def set_password(self, *, actor: str, account_id: str, password: str) -> None:
        """For those whom we trust to know whose account it is (the command line, the demo). Ends all its sessions. Refusal
        404 `no_such_account`, 422 with `field`."""
        account = await self._storage.read.one(store.ACCOUNT, id=account_id)
        if account is None:
            raise Refusal(404, "no_such_account")
        if fault := password_fault(password, email=account.email, name=account.name):
            raise Refusal(422, fault, field="password")
        hashed = await self._hasher.hash(password)

        async def unit(writer: Writer) -> None:
            await self._put_password(writer, account_id, hashed, but="")
            await self._record(writer, Tag.ACCOUNT_PASSWORD_CHANGED, account_id, actor=actor)

        await self._storage.write(unit)

    async def change_name(self, session: AccountSession, name: str) -> Done | Unfit:
        name = emails.tidy_name(name)
        if fault := emails.name_fault(name):
            return Unfit({"name": fault})

        async def unit(writer: Writer) -> None:
            await writer.run(store.SET_NAME, id=session.account_id, name=name)
            await self._record(writer, Tag.ACCOUNT_NAME_CHANGED, session.account_id)

        await self._storage.write(unit)
        return Done()

    async def change_email(self, session: AccountSession, email: str) -> MailSent | Unfit | TooMany:
        """*Strong.* Mails a link (24 hours) to the new address; nothing changes until it is confirmed."""
        self.require_strong(session)
        normal = emails.normalized(email)
        fault = emails.email_fault(email) or ("same" if normal == session.email else None)
        if fault or normal is None:
            return Unfit({"email": fault or "malformed"})

        async def unit(writer: Writer) -> None:
            await self._ask_for_link(writer, "email", Asked(normal, account_id=session.account_id))

        try:
            await self._count(self._mail_limits(f"from {session.account_id}"))
        except OverLimit as over:
            return TooMany(over.retry_at)
        await self._storage.write(unit)
        self._mail.wake()
        return MailSent()

    async def confirm_email(self, token: str) -> Done | LinkOver:
        """For POST only. The old address gets a notice with a link that takes it back for seven days."""

        async def unit(writer: Writer) -> Done | LinkOver:
            link = await self._spend_link(writer, "email", token)
            account = None if link is None else await writer.one(store.ACCOUNT, id=link.account_id)
            if link is None or account is None:
                return LinkOver()
            await writer.run(store.SET_EMAIL, id=account.id, email=link.asked.email)
            for purpose in ("email", "reset"):
                await writer.run(store.DROP_LINKS, account_id=account.id, purpose=purpose)
            undo = await self._make_link(writer, "undo_email", Asked(account.email, account_id=account.id), account.id)
            await self._record(writer, Tag.ACCOUNT_EMAIL_CHANGED, account.id)
            await self._notify(writer, account.email, self._letters.email_changed(undo))
            return Done()

        return await self._unless_taken(unit)

    async def undo_email(self, token: str) -> Done | LinkOver:
        """For POST only: the old address is the account's again, all sessions end, the password no longer works and a
        link to choose a new one is mailed. Whoever changed the address may have added ways in: passkeys made since then
        go, and so does an authenticator app confirmed since then."""

        async def unit(writer: Writer) -> Done | LinkOver:
            link = await self._spend_link(writer, "undo_email", token)
            account = None if link is None else await writer.one(store.ACCOUNT, id=link.account_id)
            if link is None or account is None:
                return LinkOver()
            await writer.run(store.SET_EMAIL, id=account.id, email=link.asked.email)
            await self._put_password(writer, account.id, None, but="")
            await writer.run(store.DROP_LINKS_SINCE, account_id=account.id, since=link.created_at)
            values = {"account_id": account.id, "since": link.created_at}
            await writer.run(factor_store.DROP_PASSKEYS_SINCE, **values)
            await writer.run(factor_store.DROP_TOTP_SINCE, **values)
            reset = await self._make_link(writer, "reset", Asked(link.asked.email), account.id)
            await self._record(writer, Tag.ACCOUNT_EMAIL_RESTORED, account.id)
            await self._notify(writer, link.asked.email, self._letters.email_restored(reset))
            return Done()

        return await self._unless_taken(unit)

    async def close_account(self, account_id: str, *, actor: str) -> None:
        """Ends everything of an account and forgets whose it was. Whether it may be closed (the last owner of an
        organization) and whether the session is strong is for the caller to check before."""

        async def unit(writer: Writer) -> None:
            account = await writer.one(store.ACCOUNT, id=account_id)
            if account is None:
                raise Refusal(404, "no_such_account")
            await writer.run(store.CLOSE, id=account_id, now=self._clock.now())
            await writer.all(store.END_SESSIONS, account_id=account_id, but="")
            await writer.run(store.DROP_SIGN_INS, account_id=account_id)
            await writer.run(store.DROP_LINKS_SINCE, account_id=account_id, since=0)
            await writer.one(factor_store.REMOVE_TOTP, account_id=account_id)
            await writer.run(factor_store.DROP_RECOVERY_CODES, account_id=account_id)
            await writer.run(factor_store.DROP_PASSKEYS, account_id=account_id)
            await self._record(writer, Tag.ACCOUNT_CLOSED, account_id, actor=actor)
            await self._notify(writer, account.email, self._letters.closed())

        await self._storage.write(unit)
        self._mail.wake()

    async def _put_password(self, writer: Writer, account_id: str, hashed: str | None, *, but: str) -> None:
        """With it end all sessions but one, sign-ins that wait, and links to choose another."""
        await writer.run(store.SET_PASSWORD, id=account_id, password_hash=hashed, now=self._clock.now())
        await writer.all(store.END_SESSIONS, account_id=account_id, but=but)
        await writer.run(store.DROP_SIGN_INS, account_id=account_id)
        await writer.run(store.DROP_LINKS, account_id=account_id, purpose="reset")

    async def _unless_taken(self, unit: Unit[Done | LinkOver]) -> Done | LinkOver:
        """An address that somebody else has by now cannot be taken."""
        try:
            outcome = await self._storage.write(unit)
        except Conflict:
            return LinkOver()
        self._mail.wake()
        return outcome
