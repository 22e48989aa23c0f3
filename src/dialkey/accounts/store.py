"""Accounts, their sessions and links: SQL. Factors stand in `factor_store.py`."""

from __future__ import annotations

from functools import lru_cache

from dialkey.accounts.model import AccountSession, Person, SessionInfo
from dialkey.base.clock import Instant
from dialkey.storage import Row, Statement

# accounts

ADD_ACCOUNT = Statement(
    "accounts.add",
    "INSERT INTO accounts (id, email, name, password_hash, password_changed_at, created_at)"
    " VALUES (:id, :email, :name, :password_hash, :now, :now) ON CONFLICT (email) DO NOTHING",
)
ACCOUNT = Statement(
    "accounts.find",
    "SELECT id, email, name, password_hash, password_changed_at FROM accounts WHERE id = :id AND closed_at IS NULL",
)
ACCOUNT_BY_EMAIL = Statement(
    "accounts.by_email",
    "SELECT a.id, a.email, a.name, a.password_hash,"
    " CASE WHEN t.confirmed_at IS NULL THEN 0 ELSE 1 END AS second_factor"
    " FROM accounts a LEFT JOIN account_totp t ON t.account_id = a.id WHERE a.email = :email AND a.closed_at IS NULL",
)
SET_NAME = Statement("accounts.name", "UPDATE accounts SET name = :name WHERE id = :id AND closed_at IS NULL")
SET_EMAIL = Statement(
    "accounts.email", "UPDATE accounts SET email = :email WHERE id = :id AND closed_at IS NULL"
)
SET_PASSWORD = Statement(
    "accounts.password",
    "UPDATE accounts SET password_hash = :password_hash, password_changed_at = :now"
    " WHERE id = :id AND closed_at IS NULL",
)
REHASH = Statement(
    "accounts.rehash", "UPDATE accounts SET password_hash = :new WHERE id = :id AND password_hash = :old"
)
CLOSE = Statement(
    "accounts.close",
    "UPDATE accounts SET email = 'closed:' || id, name = '', password_hash = NULL, password_changed_at = NULL,"
    " closed_at = :now WHERE id = :id AND closed_at IS NULL",
)


@lru_cache(maxsize=64)
def people_by(field: str, count: int) -> Statement:
    """`field` is `id` or `email`; the values are `v0` to `v<count - 1>`."""
    assert field in ("id", "email")
    values = ", ".join(f":v{n}" for n in range(count))
    return Statement(
        f"accounts.people_by_{field}{count}",
        f"SELECT id, email, name FROM accounts WHERE {field} IN ({values}) AND closed_at IS NULL",
    )


def person(row: Row) -> Person:
    return Person(id=row.id, email=row.email, name=row.name)


# sessions

ADD_SESSION = Statement(
    "account_sessions.add",
    "INSERT INTO account_sessions (id, token_digest, account_id, amr, agent, network, created_at, strong_at,"
    " last_seen_at, expires_at) VALUES (:id, :token_digest, :account_id, :amr, :agent, :network, :now, :now, :now,"
    " :expires_at)",
)
FIND_SESSION = Statement(
    "account_sessions.find",
    "SELECT {ordinal} s.id, s.account_id, s.amr, s.created_at, s.strong_at, s.last_seen_at, s.expires_at, a.email,"
    " a.name, CASE WHEN t.confirmed_at IS NULL THEN 0 ELSE 1 END AS second_factor,"
    " (SELECT COUNT(*) FROM account_passkeys p WHERE p.account_id = a.id) AS passkeys"
    " FROM {join_batch} account_sessions s JOIN accounts a ON a.id = s.account_id"
    " LEFT JOIN account_totp t ON t.account_id = a.id"
    " WHERE s.token_digest = v.token_digest AND s.expires_at > v.now AND s.last_seen_at > v.idle_since"
    " AND a.closed_at IS NULL",
    batch={"token_digest": "text", "now": "bigint", "idle_since": "bigint"},
)
TOUCH_SESSION = Statement(
    "account_sessions.touch",
    "UPDATE account_sessions SET last_seen_at = :now WHERE id = :id AND last_seen_at < :now",
)
STRENGTHEN_SESSION = Statement(
    "account_sessions.strengthen",
    "UPDATE account_sessions SET strong_at = :now WHERE id = :id AND account_id = :account_id",
)
LIST_SESSIONS = Statement(
    "account_sessions.list",
    "SELECT id, amr, agent, network, created_at, last_seen_at, expires_at FROM account_sessions"
    " WHERE account_id = :account_id AND expires_at > :now AND last_seen_at > :idle_since"
    " ORDER BY last_seen_at DESC, id LIMIT 100",
)
END_SESSION = Statement(
    "account_sessions.end",
    "DELETE FROM account_sessions WHERE id = :id AND account_id = :account_id RETURNING id",
)
END_SESSION_OF_TOKEN = Statement(
    "account_sessions.end_of_token",
    "DELETE FROM account_sessions WHERE token_digest = :token_digest RETURNING id, account_id",
)
END_SESSIONS = Statement(
    "account_sessions.end_all",
    "DELETE FROM account_sessions WHERE account_id = :account_id AND id <> :but RETURNING id",
)


def session(row: Row) -> AccountSession:
    return AccountSession(
        id=row.id,
        account_id=row.account_id,
        email=row.email,
        name=row.name,
        second_factor=bool(row.second_factor),
        passkeys=row.passkeys,
        amr=tuple(row.amr.split()),
        created_at=Instant(row.created_at),
        strong_at=Instant(row.strong_at),
        expires_at=Instant(row.expires_at),
    )


def session_info(row: Row, *, current: str) -> SessionInfo:
    return SessionInfo(
        id=row.id,
        current=row.id == current,
        agent=row.agent,
        network=row.network,
        amr=tuple(row.amr.split()),
        created_at=Instant(row.created_at),
        last_seen_at=Instant(row.last_seen_at),
        expires_at=Instant(row.expires_at),
    )


# sign-ins that wait for their second factor

ADD_SIGN_IN = Statement(
    "account_sign_ins.add",
    "INSERT INTO account_sign_ins (id, ticket_digest, account_id, tries, expires_at)"
    " VALUES (:id, :ticket_digest, :account_id, 0, :expires_at)",
)
TRY_SIGN_IN = Statement(
    "account_sign_ins.try",
    "UPDATE account_sign_ins SET tries = tries + 1 WHERE ticket_digest = :ticket_digest AND tries < :most"
    " AND expires_at > :now RETURNING id, account_id, tries",
)
FINISH_SIGN_IN = Statement("account_sign_ins.finish", "DELETE FROM account_sign_ins WHERE id = :id")
DROP_SIGN_INS = Statement("account_sign_ins.drop", "DELETE FROM account_sign_ins WHERE account_id = :account_id")

# links

_LINK = "id, purpose, account_id, browser_digest, sealed, created_at, expires_at"
ADD_LINK = Statement(
    "account_links.add",
    "INSERT INTO account_links (id, purpose, token_digest, account_id, browser_digest, sealed, created_at, expires_at)"
    " VALUES (:id, :purpose, :token_digest, :account_id, :browser_digest, :sealed, :now, :expires_at)",
)
UNANSWERED_LINK = Statement(
    "account_links.unanswered",
    f"SELECT {_LINK} FROM account_links WHERE id = :id AND token_digest IS NULL AND expires_at > :now",
)
ISSUE_LINK = Statement(
    "account_links.issue",
    "UPDATE account_links SET token_digest = :token_digest, account_id = :account_id"
    " WHERE id = :id AND token_digest IS NULL RETURNING id",
)
FIND_LINK = Statement(
    "account_links.find",
    f"SELECT {_LINK} FROM account_links WHERE token_digest = :token_digest AND purpose = :purpose"
    " AND expires_at > :now",
)
SPEND_LINK = Statement(
    "account_links.spend",
    "DELETE FROM account_links WHERE token_digest = :token_digest AND purpose = :purpose AND expires_at > :now"
    f" RETURNING {_LINK}",
)
DROP_LINK = Statement("account_links.drop", "DELETE FROM account_links WHERE id = :id")
DROP_LINKS = Statement(
    "account_links.drop_purpose", "DELETE FROM account_links WHERE account_id = :account_id AND purpose = :purpose"
)
DROP_LINKS_SINCE = Statement(
    "account_links.drop_since",
    "DELETE FROM account_links WHERE account_id = :account_id AND created_at >= :since",
)
