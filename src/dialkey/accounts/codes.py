"""Codes of the second factor, checked and spent: an authenticator app's, or a recovery code."""

from __future__ import annotations

from dialkey.accounts import factor_store, second
from dialkey.accounts.office import Ground
from dialkey.audit import Tag
from dialkey.storage import Writer


class CodeRules(Ground):
    """What a typed code is worth."""

    async def _spend_code(self, writer: Writer, account_id: str, email: str, typed: str) -> str | None:
        """`otp` or `recovery` where the code was right and is spent now; None otherwise."""
        code = second.read_code(typed)
        if second.is_totp(code):
            return "otp" if await self._spend_totp(writer, account_id, code) else None
        if not second.is_recovery(code):
            return None
        digest = self._recovery_digest(account_id, code)
        if await writer.one(factor_store.SPEND_RECOVERY_CODE, account_id=account_id, digest=digest) is None:
            return None
        row = await writer.one(factor_store.COUNT_RECOVERY_CODES, account_id=account_id)
        left = 0 if row is None else row.n
        await self._record(writer, Tag.ACCOUNT_RECOVERY_CODE_USED, account_id, data={"left": left})
        await self._notify(writer, email, self._letters.recovery_code_used(left))
        return "recovery"

    async def _spend_totp(self, writer: Writer, account_id: str, code: str) -> bool:
        """A code is good once: its time step is spent with it (RFC 6238 section 5.2)."""
        row = await writer.one(factor_store.TOTP, account_id=account_id)
        if row is None or row.confirmed_at is None:
            return False
        secret = self._keyring.open_box(f"totp/{account_id}", row.sealed)
        if secret is None:
            return False
        step = second.matching_step(secret, code, self._clock.now(), after=row.last_step)
        if step is None:
            return False
        return await writer.one(factor_store.SPEND_STEP, account_id=account_id, step=step) is not None

    def _recovery_digest(self, account_id: str, code: str) -> str:
        return self._digest("recovery", f"{account_id}/{code}")
