"""Signing up, and the links that are mailed. Whether an address is known decides a job, after the answer was given."""

from __future__ import annotations

from collections.abc import Callable

from dialkey.accounts import emails, store
from dialkey.accounts.model import (
    LinkInfo,
    LinkOver,
    MailSent,
    NeedsPassword,
    SignedIn,
    TooMany,
    Unfit,
)
from dialkey.accounts.office import Address, Asked, Ground
from dialkey.accounts.passwords import password_fault
from dialkey.audit import Tag
from dialkey.base.entropy import random_text
from dialkey.base.ids import new_id
from dialkey.jobs import Job
from dialkey.jobs.model import Context
from dialkey.mail.model import Message
from dialkey.storage import Row, Writer
from dialkey.storage.limits import OverLimit, hit
from dialkey.web.errors import Refusal


class JoiningRules(Ground):
    """New accounts."""

    async def sign_up(
        self, email: str, name: str, password: str, *, address: Address, browser: str
    ) -> MailSent | Unfit | TooMany:
        """Mails a link (24 hours); an address that has an account gets a mail that says so. `browser` is the digest of
        the browser's cookie (`web.browser.Browser.digest`): the same browser confirms without the password."""
        name = emails.tidy_name(name)
        if problems := self._problems(email, name, password):
            return Unfit(problems)
        normal = emails.normalized(email)
        assert normal is not None
        return await self._ask(
            "sign_up", lambda hashed: Asked(normal, name, hashed), password=password, address=address, browser=browser
        )

    async def find_link(self, purpose: str, token: str, *, browser: str = "") -> LinkInfo | None:
        """What the page behind a link shows, for GET. Purposes: `sign_up`, `reset`, `email`, `undo_email`. None: used, too
        old or never made."""
        link = await self._find_link(purpose, token)
        if link is None:
            return None
        needs = purpose == "sign_up" and link.browser_digest != browser
        return LinkInfo(purpose=purpose, email=link.asked.email, needs_password=needs)

    async def confirm_sign_up(
        self, token: str, *, browser: str, password: str | None, address: Address, agent: str
    ) -> SignedIn | NeedsPassword | LinkOver | TooMany:
        """For POST only: makes the account and signs in."""
        link = await self._find_link("sign_up", token)
        if link is None:
            return LinkOver()
        if link.browser_digest != browser:
            if not password:
                return NeedsPassword()
            try:
                await self._count(self._password_limits(link.asked.email, address))
            except OverLimit as over:
                return TooMany(over.retry_at)
            if not await self._hasher.verify(link.asked.password_hash, password):
                return NeedsPassword(wrong=True)

        async def unit(writer: Writer) -> SignedIn | LinkOver:
            spent = await self._spend_link(writer, "sign_up", token)
            if spent is None:
                return LinkOver()
            account_id = new_id(self._entropy)
            if not await self._add_account(writer, account_id, spent.asked, actor=f"account:{account_id}"):
                return LinkOver()
            return await self._begin_session(writer, account_id, amr=("pwd",), address=address, agent=agent)

        return await self._storage.write(unit)

    async def create_account(self, *, actor: str, email: str, name: str, password: str) -> str:
        """For those whom we trust to know the address (the command line, the demo, tests): a verified account. Refusal 422
        with `field`, 409 `email_taken`."""
        name = emails.tidy_name(name)
        for field, fault in self._problems(email, name, password).items():
            raise Refusal(422, fault, field=field)
        normal = emails.normalized(email)
        assert normal is not None
        asked = Asked(normal, name, await self._hasher.hash(password))
        account_id = new_id(self._entropy)

        async def unit(writer: Writer) -> str:
            if not await self._add_account(writer, account_id, asked, actor=actor):
                raise Refusal(409, "email_taken")
            return account_id

        return await self._storage.write(unit)

    async def answer_link(self, job: Job, _: Context) -> None:
        """The handler of `accounts.answer_link`: mails what was asked for, to whoever may have it. May run twice."""
        link_id, now = str(job.payload["link"]), self._clock.now()
        row = await self._storage.read.one(store.UNANSWERED_LINK, id=link_id, now=now)
        link = None if row is None else self._link(row)
        if row is None or link is None:
            return
        account = await self._storage.read.one(store.ACCOUNT_BY_EMAIL, email=link.asked.email)
        token = random_text(self._entropy, 32)
        message, account_id = self._answer(row.purpose, link.asked, account, token)

        async def unit(writer: Writer) -> None:
            if message is None or account_id is None:
                await writer.run(store.DROP_LINK, id=link_id)
            else:
                digest = self._digest(f"link/{row.purpose}", token)
                values = {"id": link_id, "token_digest": digest, "account_id": account_id or None}
                if await writer.one(store.ISSUE_LINK, **values) is None:
                    return
            if message is not None:
                await hit(writer, self._keyring, now, self._mail_limits(link.asked.email))
                await self._mail.queue(writer, to=link.asked.email, message=message, now=now)

        async def drop(writer: Writer) -> None:
            await writer.run(store.DROP_LINK, id=link_id)

        try:
            await self._storage.write(unit)
        except OverLimit:
            await self._storage.write(drop)
        self._mail.wake()

    def _answer(
        self, purpose: str, asked: Asked, account: Row | None, token: str
    ) -> tuple[Message | None, str | None]:
        """What is mailed, and whose the link is (`""`: nobody's yet); None: there is no link in it."""
        match purpose:
            case "sign_up" if account is None:
                return self._letters.sign_up(token), ""
            case "sign_up":
                return self._letters.already_registered(), None
            case "reset" if account is not None:
                return self._letters.reset(token), account.id
            case "email" if account is None:
                return self._letters.new_email(token), asked.account_id
            case "email":
                return self._letters.email_in_use(), None
        return None, None

    async def _ask(
        self, purpose: str, made: Callable[[str], Asked], *, address: Address, browser: str = "", password: str | None = None
    ) -> MailSent | TooMany:
        """Counts the request, hashes what has to be hashed, and leaves the rest to the job."""
        try:
            await self._count(self._request_limits(address))
        except OverLimit as over:
            return TooMany(over.retry_at)
        hashed = "" if password is None else await self._hasher.hash(password)
        asked = made(hashed)

        async def unit(writer: Writer) -> None:
            await self._ask_for_link(writer, purpose, asked, browser=browser)

        await self._storage.write(unit)
        self._mail.wake()
        return MailSent()

    async def _add_account(self, writer: Writer, account_id: str, asked: Asked, *, actor: str) -> bool:
        added = await writer.run(
            store.ADD_ACCOUNT,
            id=account_id,
            email=asked.email,
            name=asked.name,
            password_hash=asked.password_hash,
            now=self._clock.now(),
        )
        if added:
            await self._record(writer, Tag.ACCOUNT_CREATED, account_id, actor=actor)
        return bool(added)

    def _problems(self, email: str, name: str, password: str) -> dict[str, str]:
        faults = {
            "email": emails.email_fault(email),
            "name": emails.name_fault(name),
            "password": password_fault(password, email=email, name=name),
        }
        return {field: fault for field, fault in faults.items() if fault is not None}
