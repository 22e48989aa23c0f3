"""Passkeys (Web Authentication Level 3): made, used to sign in, and used to prove again who one is.

A challenge is a value that we signed, and is good once: only an answered one leaves a row.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import msgspec
import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from dialkey.accounts import emails, factor_store, store
from dialkey.accounts.entering import EnteringRules
from dialkey.accounts.model import (
    AccountSession,
    Done,
    PasskeyInfo,
    PasskeyOffer,
    SignedIn,
    TooMany,
    Unfit,
    Wrong,
)
from dialkey.accounts.office import Address
from dialkey.audit import Tag
from dialkey.base.clock import MINUTE, Instant, after
from dialkey.base.ids import new_id
from dialkey.base.signed import seal, unseal
from dialkey.storage import Row, Writer
from dialkey.storage.limits import OverLimit, give_back
from dialkey.web.errors import Refusal

CHALLENGE_LIFETIME = 10 * MINUTE
MOST_PASSKEYS = 20
MAX_RESPONSE = 16_000
_PURPOSE = b"passkey"
_WRONG = (WebAuthnException, ValueError, KeyError, TypeError)


class _Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What a challenge was made for."""

    purpose: str
    challenge: bytes
    account_id: str
    made_at: int


class PasskeyRules(EnteringRules):
    """Passkeys of accounts. User verification is always required, so that one is two factors."""

    def offer_passkey_sign_in(self) -> PasskeyOffer:
        """For the sign-in page; stores nothing."""
        return self._offer_use("sign_in", "", [])

    async def sign_in_by_passkey(
        self, ticket: str, response: str, *, address: Address, agent: str, replaces: str | None = None
    ) -> SignedIn | Wrong | TooMany:
        """`response` is the JSON of the credential. No second factor is asked for: a passkey with user verification is
        two."""
        limits = self._password_limits("passkey", address)[2:]
        try:
            await self._count(limits)
        except OverLimit as over:
            return TooMany(over.retry_at)
        opened = self._open_ticket("sign_in", ticket)
        used = None if opened is None else await self._verified(opened, response)
        if opened is None or used is None:
            return Wrong()
        row, count = used

        async def unit(writer: Writer) -> SignedIn | Wrong:
            if not await self._use(writer, opened, row, count):
                return Wrong()
            await give_back(writer, self._keyring, limits)
            return await self._begin_session(
                writer, row.account_id, amr=("user", "mfa"), address=address, agent=agent, replaces=replaces
            )

        return await self._storage.write(unit)

    def offer_passkey_proof(self, session: AccountSession) -> PasskeyOffer:
        """To prove again who one is."""
        return self._offer_use("prove", session.account_id, [])

    async def prove_by_passkey(self, session: AccountSession, ticket: str, response: str) -> Done | Wrong | TooMany:
        """The session is strong from now on."""
        opened = self._open_ticket("prove", ticket)
        if opened is None or opened.account_id != session.account_id:
            return Wrong()
        used = await self._verified(opened, response)
        if used is None or used[0].account_id != session.account_id:
            return Wrong()
        row, count = used

        async def unit(writer: Writer) -> Done | Wrong:
            if not await self._use(writer, opened, row, count):
                return Wrong()
            await self._strengthen(writer, session)
            return Done()

        return await self._storage.write(unit)

    async def offer_passkey(self, session: AccountSession) -> PasskeyOffer:
        """*Strong.* For `navigator.credentials.create`. Refusal 409 `no_passkeys_here`, `too_many_passkeys`."""
        self.require_strong(session)
        if not self._passkeys_possible:
            raise Refusal(409, "no_passkeys_here")
        known = await self._storage.read.all(factor_store.PASSKEYS, account_id=session.account_id)
        if len(known) >= MOST_PASSKEYS:
            raise Refusal(409, "too_many_passkeys")
        challenge = self._entropy.take(32)
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name="Dialkey",
            user_name=session.email,
            user_display_name=session.name,
            user_id=session.account_id.encode(),
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[_descriptor(row) for row in known],
        )
        return PasskeyOffer(
            options=webauthn.options_to_json(options), ticket=self._seal("add", challenge, session.account_id)
        )

    async def add_passkey(
        self, session: AccountSession, ticket: str, response: str, *, name: str
    ) -> PasskeyInfo | Wrong | Unfit:
        """*Strong.* A notice is mailed."""
        self.require_strong(session)
        name = emails.tidy_name(name)
        if fault := emails.name_fault(name):
            return Unfit({"name": fault})
        opened = self._open_ticket("add", ticket)
        document = _document(response)
        if opened is None or opened.account_id != session.account_id or document is None:
            return Wrong()
        try:
            made = webauthn.verify_registration_response(
                credential=document,
                expected_challenge=opened.challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _WRONG:
            return Wrong()
        transports = document.get("response", {}).get("transports", [])
        known = {transport.value for transport in AuthenticatorTransport}
        info = PasskeyInfo(
            id=new_id(self._entropy),
            name=name,
            synced=made.credential_backed_up,
            created_at=self._clock.now(),
            last_used_at=None,
        )

        async def unit(writer: Writer) -> bool:
            if not await self._spend_challenge(writer, opened):
                return False
            added = await writer.run(
                factor_store.ADD_PASSKEY,
                id=info.id,
                credential_id=_b64(made.credential_id),
                account_id=session.account_id,
                public_key=made.credential_public_key,
                sign_count=made.sign_count,
                transports=" ".join(sorted({t for t in transports if t in known})),
                name=name,
                synced=int(info.synced),
                now=info.created_at,
            )
            if not added:
                return False
            await self._record(writer, Tag.ACCOUNT_PASSKEY_ADDED, session.account_id, data={"passkey": info.id})
            await self._notify(writer, session.email, self._letters.passkey_added())
            return True

        added = await self._storage.write(unit)
        self._mail.wake()
        return info if added else Wrong()

    async def rename_passkey(self, session: AccountSession, passkey_id: str, name: str) -> Done | Unfit:
        """Refusal 404 `no_such_passkey`."""
        name = emails.tidy_name(name)
        if fault := emails.name_fault(name):
            return Unfit({"name": fault})

        async def unit(writer: Writer) -> None:
            values = {"id": passkey_id, "account_id": session.account_id, "name": name}
            if not await writer.run(factor_store.RENAME_PASSKEY, **values):
                raise Refusal(404, "no_such_passkey")

        await self._storage.write(unit)
        return Done()

    async def remove_passkey(self, session: AccountSession, passkey_id: str) -> None:
        """*Strong.* Refusal 404 `no_such_passkey`; 409 `last_way_in` where there is no password. A notice is mailed."""
        self.require_strong(session)

        async def unit(writer: Writer) -> None:
            account = await writer.one(store.ACCOUNT, id=session.account_id)
            known = await writer.all(factor_store.PASSKEYS, account_id=session.account_id)
            if all(row.id != passkey_id for row in known):
                raise Refusal(404, "no_such_passkey")
            if (account is None or account.password_hash is None) and len(known) == 1:
                raise Refusal(409, "last_way_in")
            await writer.one(factor_store.REMOVE_PASSKEY, id=passkey_id, account_id=session.account_id)
            await self._record(writer, Tag.ACCOUNT_PASSKEY_REMOVED, session.account_id, data={"passkey": passkey_id})
            await self._notify(writer, session.email, self._letters.passkey_removed())

        await self._storage.write(unit)
        self._mail.wake()

    def _offer_use(self, purpose: str, account_id: str, allowed: list[PublicKeyCredentialDescriptor]) -> PasskeyOffer:
        challenge = self._entropy.take(32)
        options = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=challenge,
            allow_credentials=allowed,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return PasskeyOffer(
            options=webauthn.options_to_json(options), ticket=self._seal(purpose, challenge, account_id)
        )

    async def _verified(self, ticket: _Ticket, response: str) -> tuple[Row, int] | None:
        """The passkey's row and its new count, where the assertion is right (section 7.2)."""
        document = _document(response)
        raw_id = document.get("rawId") if document is not None else None
        if document is None or not isinstance(raw_id, str):
            return None
        try:
            credential_id = _b64(base64url_to_bytes(raw_id))
        except _WRONG:
            return None
        row = await self._storage.read.one(factor_store.PASSKEY_BY_CREDENTIAL, credential_id=credential_id)
        if row is None:
            return None
        try:
            used = webauthn.verify_authentication_response(
                credential=document,
                expected_challenge=ticket.challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=bytes(row.public_key),
                credential_current_sign_count=row.sign_count,
                require_user_verification=True,
            )
        except _WRONG:
            return None
        return row, used.new_sign_count

    async def _use(self, writer: Writer, ticket: _Ticket, row: Row, count: int) -> bool:
        """Spends the challenge, and the count where the authenticator has one: a lower one is a copy's."""
        if not await self._spend_challenge(writer, ticket):
            return False
        values = {"id": row.id, "sign_count": count, "now": self._clock.now()}
        return await writer.one(factor_store.USE_PASSKEY, **values) is not None

    async def _spend_challenge(self, writer: Writer, ticket: _Ticket) -> bool:
        digest = self._digest("challenge", _b64(ticket.challenge))
        expires_at = after(Instant(ticket.made_at), CHALLENGE_LIFETIME)
        return bool(await writer.run(factor_store.SPEND_CHALLENGE, digest=digest, expires_at=expires_at))

    def _seal(self, purpose: str, challenge: bytes, account_id: str) -> str:
        ticket = _Ticket(purpose, challenge, account_id, self._clock.now())
        return seal(self._keyring["page"], _PURPOSE, msgspec.msgpack.encode(ticket))

    def _open_ticket(self, purpose: str, text: str) -> _Ticket | None:
        payload = unseal(self._keyring["page"], _PURPOSE, text) if len(text) < 1000 else None
        if payload is None:
            return None
        ticket = msgspec.msgpack.decode(payload, type=_Ticket)
        young = self._clock.now() - ticket.made_at < CHALLENGE_LIFETIME
        return ticket if ticket.purpose == purpose and young else None


def _document(response: str) -> dict | None:  # type: ignore[type-arg]
    if len(response) > MAX_RESPONSE:
        return None
    try:
        document = json.loads(response)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("response"), dict) else None


def _descriptor(row: Row) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(name) for name in row.transports.split()]
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.credential_id), transports=transports or None)


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
