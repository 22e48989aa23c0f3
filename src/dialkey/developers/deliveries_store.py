"""SQL of webhook deliveries: the endpoint's row is the lock, and says when there is something to do."""

from __future__ import annotations

from dialkey.storage import Statement

_READY = "due_at <= :now AND claimed_until <= :now AND resting_until <= :now AND status = 'enabled'"
LOOK = Statement("webhooks.look", f"SELECT id FROM webhooks WHERE {_READY} LIMIT 1")
CLAIM = Statement(
    "webhooks.claim",
    f"""UPDATE webhooks SET claimed_until = :until WHERE id IN (SELECT id FROM webhooks WHERE {_READY}
    ORDER BY due_at LIMIT :most {{skip_locked}})
    RETURNING id, organization_id, url, failures, failing_since""",
)
DUE = Statement(
    "webhook_deliveries.due",
    """SELECT message_id, type, attempts, give_up_at, created_at FROM webhook_deliveries
    WHERE webhook_id = :webhook_id AND state = 'waiting' AND next_at <= :now ORDER BY next_at, message_id LIMIT :most""",
)
SETTLE = Statement(
    "webhook_deliveries.settle",
    """UPDATE webhook_deliveries SET state = :state, attempts = attempts + 1, next_at = :next_at, tried_at = :now,
      status = :status, outcome = :outcome, milliseconds = :milliseconds
    WHERE webhook_id = :webhook_id AND message_id = :message_id AND state = 'waiting'""",
)
WELL = Statement(
    "webhooks.well",
    """UPDATE webhooks SET failures = 0, failing_since = NULL, resting_until = 0
    WHERE id = :id AND (failures > 0 OR failing_since IS NOT NULL)""",
)
ILL = Statement(
    "webhooks.ill",
    """UPDATE webhooks SET failures = failures + 1, failing_since = COALESCE(failing_since, :now),
      resting_until = :resting_until WHERE id = :id""",
)
SWITCH_OFF = Statement(
    "webhooks.switch_off",
    "UPDATE webhooks SET status = 'disabled', disabled_why = :why WHERE id = :id AND status = 'enabled' RETURNING id",
)
HOLD = Statement("webhooks.hold", "UPDATE webhooks SET claimed_until = 0 WHERE id = :id RETURNING resting_until")
# behind `HOLD`, in a statement of its own: it sees what was queued up to now
RELEASE = Statement(
    "webhooks.release",
    """UPDATE webhooks SET due_at = (SELECT CASE WHEN MIN(d.next_at) < webhooks.resting_until THEN webhooks.resting_until
      ELSE MIN(d.next_at) END FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.state = 'waiting')
    WHERE id = :id""",
)
RING = Statement("webhooks.ring_one", "UPDATE webhooks SET due_at = :now, resting_until = 0 WHERE id = :id")

# what people see and do

LOG = Statement(
    "webhook_deliveries.log",
    """SELECT message_id, type, product_id, state, attempts, next_at, tried_at, status, outcome, milliseconds, created_at
    FROM webhook_deliveries WHERE webhook_id = :webhook_id ORDER BY created_at DESC, message_id DESC LIMIT :most""",
)
WAITING = Statement(
    "webhook_deliveries.waiting",
    """SELECT COUNT(*) AS waiting FROM (SELECT 1 AS one FROM webhook_deliveries
    WHERE webhook_id = :webhook_id AND state = 'waiting' LIMIT 1000) AS some""",
)
REPLAY = Statement(
    "webhook_deliveries.replay",
    """UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, next_at = :now, give_up_at = :give_up_at,
      expires_at = :expires_at WHERE webhook_id = :webhook_id AND message_id = :message_id""",
)
ADD_TEST = Statement(
    "webhook_deliveries.add_test",
    """INSERT INTO webhook_deliveries (webhook_id, message_id, type, state, attempts, next_at, give_up_at, created_at,
      expires_at) VALUES (:webhook_id, :message_id, :type, 'waiting', 0, :now, :now, :now, :expires_at)""",
)
DROP = Statement("webhook_deliveries.drop", "DELETE FROM webhook_deliveries WHERE webhook_id = :id")
