"""What every use case of accounts stands on: storage, keys, mail, the trail, sessions and links being made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import msgspec

from dialkey.accounts import store
from dialkey.accounts.agents import agent_name
from dialkey.accounts.letters import Letters
from dialkey.accounts.model import AccountSession, SignedIn
from dialkey.accounts.passwords import Hasher
from dialkey.audit import Tag, record
from dialkey.base.clock import DAY, HOUR, SECOND, Clock, Instant, after
from dialkey.base.entropy import Entropy, random_text
from dialkey.base.ids import new_id
from dialkey.jobs import enqueue
from dialkey.mail.model import Message
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Row, Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.storage.limits import TEN_MINUTES, Limit, hit
from dialkey.web.cookies import Cookie
from dialkey.web.errors import Refusal
from dialkey.web.http import address_keys

Address = IPv4Address | IPv6Address
ANSWER_LINK = "accounts.answer_link"
"""The job that decides what is mailed for a request; its payload names the link."""
LIFETIMES: Mapping[str, int] = {"sign_up": DAY, "reset": HOUR, "email": DAY, "undo_email": 7 * DAY}


class Asked(msgspec.Struct, frozen=True):
    """What a link was asked for with; sealed in its row."""

    email: str
    name: str = ""
    password_hash: str = ""
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good, with what it was asked for."""

    id: str
    account_id: str
    browser_digest: str
    asked: Asked
    created_at: Instant


class Ground:
    """The ground of the use cases."""

    def __init__(
        self, storage: Storage, settings: Settings, keyring: Keyring, clock: Clock, entropy: Entropy, mail: Mail
    ) -> None:
        self._storage = storage
        self._policy = settings.accounts
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._mail = mail
        self._hasher = Hasher(entropy)
        self._letters = Letters(settings.base_url)
        self._origin = settings.base_url
        self._host = urlsplit(settings.issuer).hostname or ""
        self.cookie = Cookie(
            "dialkey_portal", secure=settings.secure, max_age=settings.accounts.session_absolute_lifetime
        )

    @property
    def _passkeys_possible(self) -> bool:
        """Browsers make no passkeys for IP addresses (WebAuthn section 5.1.3)."""
        try:
            ip_address(self._host)
        except ValueError:
            return bool(self._host)
        return False

    def require_strong(self, session: AccountSession) -> None:
        """Refusal 403 `reauthenticate`, for other rooms' grave steps too (deleting, showing a secret)."""
        if not session.is_strong(self._clock.now()):
            raise Refusal(403, "reauthenticate")

    async def _record(
        self,
        writer: Writer,
        tag: Tag,
        account_id: str,
        *,
        actor: str = "",
        data: Mapping[str, str | int | None] | None = None,
    ) -> None:
        await record(
            writer,
            tag,
            entropy=self._entropy,
            now=self._clock.now(),
            actor=actor or f"account:{account_id}",
            subject=f"account:{account_id}",
            data=data,
        )

    async def _begin_session(
        self,
        writer: Writer,
        account_id: str,
        *,
        amr: Sequence[str],
        address: Address,
        agent: str,
        replaces: str | None = None,
    ) -> SignedIn:
        now = self._clock.now()
        if replaces is not None:
            await writer.one(store.END_SESSION_OF_TOKEN, token_digest=self._digest("session", replaces))
        token, session_id = random_text(self._entropy, 32), new_id(self._entropy)
        await writer.run(
            store.ADD_SESSION,
            id=session_id,
            token_digest=self._digest("session", token),
            account_id=account_id,
            amr=" ".join(amr),
            agent=agent_name(agent),
            network=address_keys(address)[1],
            now=now,
            expires_at=after(now, self._policy.session_absolute_lifetime * SECOND),
        )
        await self._record(writer, Tag.ACCOUNT_SIGNED_IN, account_id, data={"amr": " ".join(amr)})
        return SignedIn(session_id=session_id, account_id=account_id, token=token)

    # links

    async def _ask_for_link(self, writer: Writer, purpose: str, asked: Asked, *, browser: str = "") -> None:
        """A request that a job answers, so that the answer to the person takes as long whoever is known."""
        link_id = await self._add_link(writer, purpose, asked, digest=None, account_id=None, browser=browser)
        payload = {"link": link_id}
        await enqueue(writer, entropy=self._entropy, kind=ANSWER_LINK, payload=payload, now=self._clock.now())

    async def _make_link(self, writer: Writer, purpose: str, asked: Asked, account_id: str) -> str:
        """A link that is good at once; gives its token."""
        token = random_text(self._entropy, 32)
        await self._add_link(
            writer, purpose, asked, digest=self._digest(f"link/{purpose}", token), account_id=account_id, browser=""
        )
        return token

    async def _add_link(
        self, writer: Writer, purpose: str, asked: Asked, *, digest: str | None, account_id: str | None, browser: str
    ) -> str:
        link_id, now = new_id(self._entropy), self._clock.now()
        content = msgspec.json.encode(asked)
        await writer.run(
            store.ADD_LINK,
            id=link_id,
            purpose=purpose,
            token_digest=digest,
            account_id=account_id,
            browser_digest=browser,
            sealed=self._keyring.box().close(self._entropy, f"account-link/{link_id}", content),
            now=now,
            expires_at=after(now, LIFETIMES[purpose]),
        )
        return link_id

    async def _find_link(self, purpose: str, token: str) -> Link | None:
        if purpose not in LIFETIMES or len(token) != 43:
            return None
        digest = self._digest(f"link/{purpose}", token)
        row = await self._storage.read.one(
            store.FIND_LINK, token_digest=digest, purpose=purpose, now=self._clock.now()
        )
        return None if row is None else self._link(row)

    async def _spend_link(self, writer: Writer, purpose: str, token: str) -> Link | None:
        """The link, for the one caller who spends it."""
        digest = self._digest(f"link/{purpose}", token)
        row = await writer.one(store.SPEND_LINK, token_digest=digest, purpose=purpose, now=self._clock.now())
        return None if row is None else self._link(row)

    def _link(self, row: Row) -> Link | None:
        """None where the key that sealed it is gone."""
        content = self._keyring.open_box(f"account-link/{row.id}", row.sealed)
        if content is None:
            return None
        asked = msgspec.json.decode(content, type=Asked)
        return Link(row.id, row.account_id or "", row.browser_digest, asked, Instant(row.created_at))

    def _digest(self, purpose: str, text: str) -> str:
        return self._keyring.digest("account", f"{purpose}/{text}")

    async def _notify(self, writer: Writer, email: str, message: Message) -> None:
        await self._mail.queue(writer, to=email, message=message, now=self._clock.now())

    # limits

    async def _count(self, limits: Sequence[Limit]) -> None:
        """Counts before the work: raises OverLimit, and then nothing was counted."""

        async def unit(writer: Writer) -> None:
            await hit(writer, self._keyring, self._clock.now(), limits)

        await self._storage.write(unit)

    def _password_limits(self, email: str, address: Address) -> list[Limit]:
        where = address_keys(address)[0]
        policy = self._policy
        both = policy.sign_ins_per_account_and_address_10_minutes
        return [
            Limit("account_sign_ins", f"{email} {where}", both),
            Limit("account_sign_ins_of", email, policy.sign_ins_per_account_10_minutes),
            Limit("account_sign_ins_from", where, policy.sign_ins_per_address_10_minutes),
        ]

    def _code_limits(self, account_id: str) -> list[Limit]:
        return [
            Limit("account_codes", account_id, self._policy.codes_per_account_10_minutes, TEN_MINUTES),
            Limit("account_codes", account_id, self._policy.codes_per_account_day, DAY),
        ]

    def _request_limits(self, address: Address) -> list[Limit]:
        return [Limit("account_requests", address_keys(address)[0], self._policy.requests_per_address_10_minutes)]

    def _mail_limits(self, email: str) -> list[Limit]:
        return [
            Limit("account_mails", email, self._policy.mails_per_email_hour, HOUR),
            Limit("account_mails", email, self._policy.mails_per_email_day, DAY),
        ]
