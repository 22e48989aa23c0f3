"""SQL of queues: a place in a product's stream, and leases of what was handed out."""

from __future__ import annotations

from dialkey.storage import Statement

FIND = Statement(
    "event_queues.find",
    "SELECT id, product_id, name, cursor FROM event_queues WHERE client_id = :client_id AND name = :name",
)
ADD = Statement(
    "event_queues.add",
    """INSERT INTO event_queues (id, client_id, product_id, name, cursor, created_at, expires_at)
    SELECT :id, :client_id, :product_id, :name, :cursor, :now, :expires_at
    WHERE (SELECT COUNT(*) FROM event_queues WHERE client_id = :client_id) < :most
    ON CONFLICT (client_id, name) DO NOTHING""",
)
DROP = Statement("event_queues.drop", "DELETE FROM event_queues WHERE client_id = :client_id AND name = :name RETURNING id")
DROP_LEASES = Statement("event_leases.drop", "DELETE FROM event_leases WHERE queue_id = :queue_id")
# What a waiting consumer asks once a second: one row, everything by key.
LOOK = Statement(
    "event_queues.look",
    """SELECT q.cursor, q.expires_at, h.last,
      (SELECT COUNT(*) FROM event_leases l WHERE l.queue_id = q.id) AS leased,
      (SELECT MIN(l.due_at) FROM event_leases l WHERE l.queue_id = q.id) AS due_at,
      CASE WHEN EXISTS (SELECT 1 FROM consent_events e WHERE e.product_id = q.product_id AND e.position IS NULL)
        THEN 1 ELSE 0 END AS pending
    FROM event_queues q LEFT JOIN event_heads h ON h.product_id = q.product_id WHERE q.id = :id""",
)
HOLD = Statement(
    "event_queues.hold", "UPDATE event_queues SET expires_at = :expires_at WHERE id = :id RETURNING product_id, cursor"
)
COUNT = Statement("event_leases.count", "SELECT COUNT(*) AS leased FROM event_leases WHERE queue_id = :id")
AGAIN = Statement(
    "event_leases.again",
    """UPDATE event_leases SET due_at = :due_at, attempts = attempts + 1, expires_at = :expires_at WHERE queue_id = :id
    AND position IN (SELECT position FROM event_leases WHERE queue_id = :id AND due_at <= :now ORDER BY position LIMIT :most)
    RETURNING position, attempts""",
)
TAKE = Statement(
    "event_leases.take",
    """INSERT INTO event_leases (queue_id, position, attempts, due_at, expires_at)
    SELECT :id, e.position, 1, :due_at, :expires_at FROM consent_events e
    WHERE e.product_id = :product_id AND e.position > :cursor ORDER BY e.position LIMIT :most
    RETURNING position, attempts""",
)
MOVE = Statement("event_queues.move", "UPDATE event_queues SET cursor = :cursor WHERE id = :id")
# Leases of what is no longer kept stand for nothing.
FORGET = Statement(
    "event_leases.forget",
    """DELETE FROM event_leases WHERE queue_id = :id AND due_at <= :now AND position < (SELECT COALESCE(MIN(e.position), 0)
    FROM consent_events e WHERE e.product_id = :product_id AND e.position IS NOT NULL)""",
)
ACK = Statement(
    "event_leases.ack",
    """DELETE FROM event_leases WHERE queue_id = :id AND position = :position
    AND EXISTS (SELECT 1 FROM event_queues q WHERE q.id = :id AND q.client_id = :client_id) RETURNING position""",
)
NACK = Statement(
    "event_leases.nack",
    """UPDATE event_leases SET due_at = :now WHERE queue_id = :id AND position = :position
    AND EXISTS (SELECT 1 FROM event_queues q WHERE q.id = :id AND q.client_id = :client_id) RETURNING position""",
)
OWNED = Statement(
    "event_queues.owned", "SELECT cursor, product_id FROM event_queues WHERE id = :id AND client_id = :client_id"
)
