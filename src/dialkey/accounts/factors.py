"""The authenticator app and the recovery codes of an account."""

from __future__ import annotations

from dialkey.accounts import factor_store, second, store
from dialkey.accounts.codes import CodeRules
from dialkey.accounts.model import AccountSession, RecoveryCodes, Security, TooMany, TotpOffer, Wrong
from dialkey.audit import Tag
from dialkey.base.clock import MINUTE, Instant
from dialkey.storage import Writer
from dialkey.storage.limits import OverLimit, give_back
from dialkey.web.errors import Refusal

OFFER_LIFETIME = 10 * MINUTE


class FactorRules(CodeRules):
    """Adding, renewing and removing them."""

    async def security(self, session: AccountSession) -> Security:
        read, key = self._storage.read, {"account_id": session.account_id}
        account = await read.one(store.ACCOUNT, id=session.account_id)
        if account is None:
            raise Refusal(404, "no_such_account")
        totp = await read.one(factor_store.TOTP, **key)
        codes = await read.one(factor_store.COUNT_RECOVERY_CODES, **key)
        passkeys = await read.all(factor_store.PASSKEYS, **key)
        since = None if totp is None or totp.confirmed_at is None else Instant(totp.confirmed_at)
        return Security(
            has_password=account.password_hash is not None,
            password_changed_at=account.password_changed_at,
            totp_since=since,
            recovery_codes_left=codes.n if codes is not None and since is not None else 0,
            passkeys=tuple(map(factor_store.passkey_info, passkeys)),
            passkeys_possible=self._passkeys_possible,
        )

    async def begin_totp(self, session: AccountSession) -> TotpOffer:
        """*Strong.* A new secret, in place of an unconfirmed one; the same one again within its ten minutes. Refusal 409
        `totp_exists`."""
        self.require_strong(session)
        account_id, now = session.account_id, self._clock.now()
        fresh = self._entropy.take(second.SECRET_BYTES)
        sealed = self._keyring.box().close(self._entropy, f"totp/{account_id}", fresh)

        async def unit(writer: Writer) -> bytes:
            row = await writer.one(factor_store.TOTP, account_id=account_id)
            if row is not None and row.confirmed_at is not None:
                raise Refusal(409, "totp_exists")
            if row is not None and now - row.created_at < OFFER_LIFETIME:
                known = self._keyring.open_box(f"totp/{account_id}", row.sealed)
                if known is not None:
                    return known
            await writer.run(factor_store.PUT_TOTP, account_id=account_id, sealed=sealed, now=now)
            return fresh

        secret = await self._storage.write(unit)
        return TotpOffer(
            secret=second.in_fours(second.base32(secret)),
            uri=second.otpauth(secret, issuer=f"Dialkey ({self._host})", email=session.email),
        )

    async def confirm_totp(self, session: AccountSession, code: str) -> RecoveryCodes | Wrong | TooMany:
        """*Strong.* From now on a password alone does not sign in. Ends all other sessions; a notice is mailed."""
        self.require_strong(session)
        account_id, limits = session.account_id, self._code_limits(session.account_id)
        try:
            await self._count(limits)
        except OverLimit as over:
            return TooMany(over.retry_at)
        typed, made = second.read_code(code), self._new_codes()

        async def unit(writer: Writer) -> RecoveryCodes | Wrong:
            row = await writer.one(factor_store.TOTP, account_id=account_id)
            if row is None or row.confirmed_at is not None:
                return Wrong()
            secret = self._keyring.open_box(f"totp/{account_id}", row.sealed)
            now = self._clock.now()
            step = None if secret is None else second.matching_step(secret, typed, now)
            if step is None:
                return Wrong()
            values = {"account_id": account_id, "sealed": row.sealed, "step": step, "now": now}
            if await writer.one(factor_store.CONFIRM_TOTP, **values) is None:
                return Wrong()
            await self._put_codes(writer, account_id, made)
            await writer.all(store.END_SESSIONS, account_id=account_id, but=session.id)
            await give_back(writer, self._keyring, limits)
            await self._record(writer, Tag.ACCOUNT_TOTP_ADDED, account_id)
            await self._notify(writer, session.email, self._letters.totp_added())
            return RecoveryCodes(tuple(map(second.shown, made)))

        outcome = await self._storage.write(unit)
        self._mail.wake()
        return outcome

    async def remove_totp(self, session: AccountSession) -> None:
        """*Strong.* With its recovery codes; a notice is mailed."""
        self.require_strong(session)

        async def unit(writer: Writer) -> None:
            row = await writer.one(factor_store.REMOVE_TOTP, account_id=session.account_id)
            await writer.run(factor_store.DROP_RECOVERY_CODES, account_id=session.account_id)
            if row is not None and row.confirmed_at is not None:
                await self._record(writer, Tag.ACCOUNT_TOTP_REMOVED, session.account_id)
                await self._notify(writer, session.email, self._letters.totp_removed())

        await self._storage.write(unit)
        self._mail.wake()

    async def renew_recovery_codes(self, session: AccountSession) -> RecoveryCodes:
        """*Strong.* Refusal 409 `no_totp`."""
        self.require_strong(session)
        made = self._new_codes()

        async def unit(writer: Writer) -> None:
            row = await writer.one(factor_store.TOTP, account_id=session.account_id)
            if row is None or row.confirmed_at is None:
                raise Refusal(409, "no_totp")
            await self._put_codes(writer, session.account_id, made)
            await self._record(writer, Tag.ACCOUNT_RECOVERY_CODES_RENEWED, session.account_id)
            await self._notify(writer, session.email, self._letters.recovery_codes_renewed())

        await self._storage.write(unit)
        self._mail.wake()
        return RecoveryCodes(tuple(map(second.shown, made)))

    def _new_codes(self) -> list[str]:
        return [second.new_recovery_code(self._entropy) for _ in range(second.RECOVERY_CODES)]

    async def _put_codes(self, writer: Writer, account_id: str, codes: list[str]) -> None:
        """Instead of those there were."""
        await writer.run(factor_store.DROP_RECOVERY_CODES, account_id=account_id)
        for code in codes:
            digest = self._recovery_digest(account_id, code)
            await writer.run(factor_store.ADD_RECOVERY_CODE, account_id=account_id, digest=digest)
