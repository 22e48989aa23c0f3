"""Second factors and passkeys: SQL."""

from __future__ import annotations

from dialkey.accounts.model import PasskeyInfo
from dialkey.base.clock import Instant
from dialkey.storage import Row, Statement

PUT_TOTP = Statement(
    "account_totp.put",
    "INSERT INTO account_totp AS t (account_id, sealed, last_step, created_at)"
    " VALUES (:account_id, :sealed, 0, :now) ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed,"
    " created_at = excluded.created_at WHERE t.confirmed_at IS NULL",
)
TOTP = Statement(
    "account_totp.find",
    "SELECT sealed, last_step, created_at, confirmed_at FROM account_totp WHERE account_id = :account_id",
)
SPEND_STEP = Statement(
    "account_totp.spend",
    "UPDATE account_totp SET last_step = :step WHERE account_id = :account_id AND last_step < :step"
    " AND confirmed_at IS NOT NULL RETURNING account_id",
)
CONFIRM_TOTP = Statement(
    "account_totp.confirm",
    "UPDATE account_totp SET confirmed_at = :now, last_step = :step WHERE account_id = :account_id"
    " AND confirmed_at IS NULL AND sealed = :sealed RETURNING account_id",
)
REMOVE_TOTP = Statement(
    "account_totp.remove", "DELETE FROM account_totp WHERE account_id = :account_id RETURNING confirmed_at"
)

ADD_RECOVERY_CODE = Statement(
    "account_recovery_codes.add",
    "INSERT INTO account_recovery_codes (account_id, digest) VALUES (:account_id, :digest)",
)
SPEND_RECOVERY_CODE = Statement(
    "account_recovery_codes.spend",
    "DELETE FROM account_recovery_codes WHERE account_id = :account_id AND digest = :digest RETURNING digest",
)
COUNT_RECOVERY_CODES = Statement(
    "account_recovery_codes.count",
    "SELECT COUNT(*) AS n FROM account_recovery_codes WHERE account_id = :account_id",
)
DROP_RECOVERY_CODES = Statement(
    "account_recovery_codes.drop", "DELETE FROM account_recovery_codes WHERE account_id = :account_id"
)

ADD_PASSKEY = Statement(
    "account_passkeys.add",
    "INSERT INTO account_passkeys (id, credential_id, account_id, public_key, sign_count, transports, name, synced,"
    " created_at) VALUES (:id, :credential_id, :account_id, :public_key, :sign_count, :transports, :name, :synced,"
    " :now) ON CONFLICT (credential_id) DO NOTHING",
)
PASSKEYS = Statement(
    "account_passkeys.list",
    "SELECT id, credential_id, transports, name, synced, created_at, last_used_at FROM account_passkeys"
    " WHERE account_id = :account_id ORDER BY created_at, id",
)
PASSKEY_BY_CREDENTIAL = Statement(
    "account_passkeys.find",
    "SELECT p.id, p.account_id, p.public_key, p.sign_count FROM account_passkeys p"
    " JOIN accounts a ON a.id = p.account_id WHERE p.credential_id = :credential_id AND a.closed_at IS NULL",
)
USE_PASSKEY = Statement(
    "account_passkeys.use",
    "UPDATE account_passkeys SET sign_count = :sign_count, last_used_at = :now WHERE id = :id"
    " AND (sign_count < :sign_count OR (sign_count = 0 AND :sign_count < 1)) RETURNING id",
)
RENAME_PASSKEY = Statement(
    "account_passkeys.rename",
    "UPDATE account_passkeys SET name = :name WHERE id = :id AND account_id = :account_id",
)
REMOVE_PASSKEY = Statement(
    "account_passkeys.remove",
    "DELETE FROM account_passkeys WHERE id = :id AND account_id = :account_id RETURNING id",
)
DROP_PASSKEYS = Statement("account_passkeys.drop", "DELETE FROM account_passkeys WHERE account_id = :account_id")
DROP_PASSKEYS_SINCE = Statement(
    "account_passkeys.drop_since",
    "DELETE FROM account_passkeys WHERE account_id = :account_id AND created_at >= :since",
)
DROP_TOTP_SINCE = Statement(
    "account_totp.drop_since", "DELETE FROM account_totp WHERE account_id = :account_id AND confirmed_at >= :since"
)
SPEND_CHALLENGE = Statement(
    "account_challenges.spend",
    "INSERT INTO account_challenges (digest, expires_at) VALUES (:digest, :expires_at) ON CONFLICT DO NOTHING",
)


def passkey_info(row: Row) -> PasskeyInfo:
    return PasskeyInfo(
        id=row.id,
        name=row.name,
        synced=bool(row.synced),
        created_at=Instant(row.created_at),
        last_used_at=None if row.last_used_at is None else Instant(row.last_used_at),
    )
