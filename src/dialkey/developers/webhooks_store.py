"""SQL of webhooks. Their secrets are sealed, not digested: they have to sign."""

from __future__ import annotations

from dialkey.storage import Statement

_WEBHOOK = "w.id, w.url, w.description, w.status, w.created_at, w.failing_since, w.resting_until, w.disabled_why"
WEBHOOKS = Statement(
    "webhooks.list",
    f"""SELECT {_WEBHOOK}, s.id AS secret_id, s.hint, s.created_at AS secret_at, s.expires_at
    FROM webhooks w LEFT JOIN webhook_secrets s ON s.webhook_id = w.id AND (s.expires_at IS NULL OR s.expires_at > :now)
    WHERE w.organization_id = :organization_id ORDER BY w.created_at, w.id, s.created_at DESC, s.id LIMIT 100""",
)
WEBHOOK = Statement(
    "webhooks.find",
    f"""SELECT {_WEBHOOK}, s.id AS secret_id, s.hint, s.created_at AS secret_at, s.expires_at
    FROM webhooks w LEFT JOIN webhook_secrets s ON s.webhook_id = w.id AND (s.expires_at IS NULL OR s.expires_at > :now)
    WHERE w.organization_id = :organization_id AND w.id = :id ORDER BY s.created_at DESC, s.id""",
)
ADD = Statement(
    "webhooks.add",
    """INSERT INTO webhooks (id, organization_id, url, description, status, created_at, updated_at)
    SELECT :id, :organization_id, :url, :description, 'enabled', :now, :now
    WHERE (SELECT COUNT(*) FROM webhooks WHERE organization_id = :organization_id) < :most""",
)
TOUCH = Statement(
    "webhooks.touch",
    "UPDATE webhooks SET updated_at = :now WHERE id = :id AND organization_id = :organization_id RETURNING url, status",
)
CHANGE = Statement(
    "webhooks.change",
    """UPDATE webhooks SET url = COALESCE(:url, url), description = COALESCE(:description, description),
      failures = 0, failing_since = NULL, resting_until = 0, due_at = :now WHERE id = :id""",
)
SET_STATUS = Statement(
    "webhooks.set_status",
    """UPDATE webhooks SET status = :status, disabled_why = '', failures = 0, failing_since = NULL, resting_until = 0,
      due_at = :now WHERE id = :id""",
)
OWNED = Statement("webhooks.owned", "SELECT id FROM webhooks WHERE id = :id AND organization_id = :organization_id")
DELETE_SECRETS = Statement("webhook_secrets.delete", "DELETE FROM webhook_secrets WHERE webhook_id = :id")
DELETE = Statement("webhooks.delete", "DELETE FROM webhooks WHERE id = :id")
ADD_SECRET = Statement(
    "webhook_secrets.add",
    """INSERT INTO webhook_secrets (id, webhook_id, sealed, hint, created_at)
    VALUES (:id, :webhook_id, :sealed, :hint, :now)""",
)
END_SECRETS = Statement(
    "webhook_secrets.end",
    """UPDATE webhook_secrets SET expires_at = :expires_at
    WHERE webhook_id = :webhook_id AND (expires_at IS NULL OR expires_at > :expires_at)""",
)
LIVE_SECRETS = Statement(
    "webhook_secrets.live",
    """SELECT id, sealed FROM webhook_secrets
    WHERE webhook_id = :webhook_id AND (expires_at IS NULL OR expires_at > :now) ORDER BY created_at DESC, id""",
)
