"""SQL of API keys, of the trail of one organization, and of notices."""

from __future__ import annotations

from dialkey.storage import Statement

# API keys

AUTHENTICATE = Statement(
    "api_keys.authenticate",
    """SELECT k.id, k.account_id, k.organization_id, k.scopes, k.last_used_at
    FROM api_keys k LEFT JOIN organizations o ON o.id = k.organization_id LEFT JOIN accounts a ON a.id = k.account_id
      AND a.closed_at IS NULL
    WHERE k.digest = :digest AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now)
      AND ((o.id IS NOT NULL AND o.deleted_at IS NULL) OR a.id IS NOT NULL)""",
)
TOUCH_KEY = Statement(
    "api_keys.touch",
    "UPDATE api_keys SET last_used_at = :now WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :before)",
)
_LIVE = "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :since)"
_KEY = """k.id, k.name, k.hint, k.scopes, k.created_at, k.expires_at, k.last_used_at, COALESCE(a.name, '') AS created_by
    FROM api_keys k LEFT JOIN accounts a ON a.id = k.created_by"""
KEYS_OF_ORGANIZATION = Statement(
    "api_keys.of_organization",
    f"SELECT {_KEY} WHERE k.organization_id = :owner AND {_LIVE} ORDER BY k.created_at DESC, k.id LIMIT 200",
)
KEYS_OF_ACCOUNT = Statement(
    "api_keys.of_account",
    f"SELECT {_KEY} WHERE k.account_id = :owner AND {_LIVE} ORDER BY k.created_at DESC, k.id LIMIT 200",
)
ADD_KEY = Statement(
    "api_keys.add",
    """INSERT INTO api_keys (id, account_id, organization_id, created_by, name, scopes, digest, hint, created_at,
      expires_at)
    VALUES (:id, :account_id, :organization_id, :created_by, :name, :scopes, :digest, :hint, :now, :expires_at)""",
)
COUNT_KEYS = Statement(
    "api_keys.count",
    """SELECT COUNT(*) AS keys FROM api_keys k
    WHERE (k.account_id = :account_id OR k.organization_id = :organization_id) AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > :now)""",
)
REVOKE_KEY = Statement(
    "api_keys.revoke",
    """UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL
      AND (account_id = :account_id OR organization_id = :organization_id) RETURNING id, name""",
)

# the trail

EVENTS = Statement(
    "trail.list",
    """SELECT e.id, e.at, e.tag, e.actor, e.subject, e.request_id, e.data,
      COALESCE(a.name, k.name, '') AS actor_name
    FROM audit_events e
    LEFT JOIN accounts a ON e.actor LIKE 'account:%' AND a.id = substr(e.actor, 9)
    LEFT JOIN api_keys k ON e.actor LIKE 'key:%' AND k.id = substr(e.actor, 5)
    WHERE e.organization_id = :organization_id AND (e.at, e.id) < (:at, :id)
      AND (:tag = '' OR e.tag = :tag OR substr(e.tag, 1, length(:tag) + 1) = :tag || '.')
      AND (:by = '' OR e.actor = :by)
    ORDER BY e.at DESC, e.id DESC LIMIT :limit""",
)

# notices: one row per reader

TELL = Statement(
    "notices.add",
    """INSERT INTO notices (id, account_id, organization_id, kind, data, path, at, expires_at)
    SELECT :id || '.' || m.id, m.account_id, m.organization_id, :kind, :data, :path, :now, :expires_at
    FROM members m
    WHERE m.organization_id = :organization_id AND m.account_id IS NOT NULL AND m.account_id <> :besides
      AND (:account_id = '' OR m.account_id = :account_id)
      AND (:rank = 0 OR m.role = 'owner' OR (:rank = 1 AND m.role = 'developer'))""",
)
NOTICES = Statement(
    "notices.list",
    """SELECT id, kind, data, path, at, read_at FROM notices
    WHERE account_id = :account_id AND organization_id = :organization_id AND expires_at > :now
    ORDER BY at DESC, id DESC LIMIT 100""",
)
READ_NOTICES = Statement(
    "notices.read",
    """UPDATE notices SET read_at = :now
    WHERE account_id = :account_id AND organization_id = :organization_id AND read_at IS NULL""",
)
