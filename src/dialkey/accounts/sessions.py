"""Sessions of accounts, and people as other rooms see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request

from dialkey.accounts import emails, store
from dialkey.accounts.model import AccountSession, Person, SessionInfo
from dialkey.accounts.office import Ground
from dialkey.audit import Tag
from dialkey.base.clock import MINUTE, SECOND
from dialkey.storage import Writer
from dialkey.web.errors import Refusal

SEEN_EVERY = 5 * MINUTE
MOST_PEOPLE = 500


class SessionRules(Ground):
    """Finding, listing and ending."""

    async def session_of(self, request: Request) -> AccountSession | None:
        """The live session behind the request's cookie: one statement."""
        token = self.cookie.read(request)
        return None if token is None else await self.find_session(token)

    async def find_session(self, token: str) -> AccountSession | None:
        """The live session of a token: one statement. When it was last seen is written every five minutes at most."""
        now = self._clock.now()
        row = await self._storage.find(
            store.FIND_SESSION, token_digest=self._digest("session", token), now=now, idle_since=self._idle_since()
        )
        if row is None:
            return None
        if now - row.last_seen_at >= SEEN_EVERY:
            session_id = row.id

            async def touch(writer: Writer) -> None:
                await writer.run(store.TOUCH_SESSION, id=session_id, now=now)

            self._storage.defer(touch)
        return store.session(row)

    async def list_sessions(self, session: AccountSession) -> list[SessionInfo]:
        """The latest seen first, at most 100."""
        values = {"account_id": session.account_id, "now": self._clock.now(), "idle_since": self._idle_since()}
        rows = await self._storage.read.all(store.LIST_SESSIONS, **values)
        return [store.session_info(row, current=session.id) for row in rows]

    async def end_session(self, session: AccountSession, session_id: str) -> None:
        """Another session of the same account; Refusal 404 `no_such_session`."""

        async def unit(writer: Writer) -> None:
            if await writer.one(store.END_SESSION, id=session_id, account_id=session.account_id) is None:
                raise Refusal(404, "no_such_session")
            await self._record(writer, Tag.ACCOUNT_SESSION_ENDED, session.account_id)

        await self._storage.write(unit)

    async def end_other_sessions(self, session: AccountSession) -> int:
        """How many were ended."""

        async def unit(writer: Writer) -> int:
            ended = len(await writer.all(store.END_SESSIONS, account_id=session.account_id, but=session.id))
            if ended:
                await self._record(writer, Tag.ACCOUNT_SESSION_ENDED, session.account_id, data={"sessions": ended})
            return ended

        return await self._storage.write(unit)

    async def sign_out(self, session: AccountSession) -> None:
        """Ends this one."""

        async def unit(writer: Writer) -> None:
            if await writer.one(store.END_SESSION, id=session.id, account_id=session.account_id) is not None:
                await self._record(writer, Tag.ACCOUNT_SESSION_ENDED, session.account_id)

        await self._storage.write(unit)

    def _idle_since(self) -> int:
        return self._clock.now() - self._policy.session_idle_lifetime * SECOND

    async def find_person(self, account_id: str) -> Person | None:
        return (await self.list_people([account_id])).get(account_id)

    async def list_people(self, account_ids: Iterable[str]) -> Mapping[str, Person]:
        """One statement, at most 500; a closed account is not among them."""
        return {person.id: person for person in await self._people("id", account_ids)}

    async def find_by_email(self, email: str) -> Person | None:
        found = await self.list_by_email([email])
        return next(iter(found.values()), None)

    async def list_by_email(self, emails_: Iterable[str]) -> Mapping[str, Person]:
        """By normalized address; one statement, at most 500."""
        wanted = [normal for email in emails_ if (normal := emails.normalized(email)) is not None]
        return {person.email: person for person in await self._people("email", wanted)}

    async def _people(self, field: str, values: Iterable[str]) -> list[Person]:
        wanted = list(dict.fromkeys(values))[:MOST_PEOPLE]
        if not wanted:
            return []
        size = 1 << (len(wanted) - 1).bit_length()  # few sizes, so that few statements are prepared
        padded = wanted + [wanted[0]] * (size - len(wanted))
        rows = await self._storage.read.all(
            store.people_by(field, size), **{f"v{n}": value for n, value in enumerate(padded)}
        )
        return list(map(store.person, rows))
