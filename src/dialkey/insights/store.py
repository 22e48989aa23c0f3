"""SQL of insights."""

from __future__ import annotations

from dialkey.base.clock import Instant
from dialkey.insights.model import Event, Kind, Outcome
from dialkey.storage import Row, Statement

_KEY = "product_id, sandbox, bucket, client_id, operator_id, kind, outcome, reason"
_VALUES = ":product_id, :sandbox, :bucket, :client_id, :operator_id, :kind, :outcome, :reason"


def _count(table: str) -> Statement:
    return Statement(
        f"{table}.count",
        f"""INSERT INTO {table} AS t ({_KEY}, times) VALUES ({_VALUES}, :times)
        ON CONFLICT ({_KEY}) DO UPDATE SET times = t.times + excluded.times""",
    )


COUNT_HOUR = _count("traffic_hours")
COUNT_DAY = _count("traffic_days")
NOTE = Statement(
    "client_events.note",
    """INSERT INTO client_events AS e
      (id, client_id, kind, outcome, reason, detail, sandbox, request_id, times, first_at, last_at)
    VALUES (:id, :client_id, :kind, :outcome, :reason, :detail, :sandbox, :request_id, :times, :first_at, :last_at)
    ON CONFLICT (id) DO UPDATE SET times = e.times + excluded.times,
      first_at = CASE WHEN excluded.first_at < e.first_at THEN excluded.first_at ELSE e.first_at END,
      request_id = CASE WHEN excluded.last_at >= e.last_at THEN excluded.request_id ELSE e.request_id END,
      last_at = CASE WHEN excluded.last_at > e.last_at THEN excluded.last_at ELSE e.last_at END""",
)
TRIM = Statement(
    "client_events.trim",
    """DELETE FROM client_events WHERE client_id = :client_id AND id IN (
      SELECT id FROM client_events WHERE client_id = :client_id ORDER BY last_at DESC, id DESC LIMIT 1000 OFFSET :most)""",
)
_FIELDS = "id, client_id, kind, outcome, reason, detail, sandbox, request_id, times, first_at, last_at"
LATEST = Statement(
    "client_events.latest",
    f"""SELECT {_FIELDS} FROM client_events
    WHERE client_id = :client_id AND (last_at < :before_at OR (last_at = :before_at AND id < :before_id))
      AND (:only = '' OR outcome = :only) AND (:request_id = '' OR request_id = :request_id)
    ORDER BY last_at DESC, id DESC LIMIT :most""",
)
NEWEST = Statement(
    "client_events.newest",
    """SELECT id, last_at, times FROM client_events WHERE client_id = :client_id
    ORDER BY last_at DESC, id DESC LIMIT 1""",
)


def _sums(table: str) -> Statement:
    return Statement(
        f"{table}.sums",
        f"""SELECT bucket, kind, SUM(times) AS times FROM {table}
        WHERE product_id = :product_id AND sandbox = :sandbox AND bucket >= :since AND outcome = 'ok'
          AND (:client_id = '' OR client_id = :client_id) AND (:operator_id = '' OR operator_id = :operator_id)
        GROUP BY bucket, kind""",
    )


def _reasons(table: str) -> Statement:
    return Statement(
        f"{table}.reasons",
        f"""SELECT kind, outcome, reason, SUM(times) AS times FROM {table}
        WHERE product_id = :product_id AND sandbox = :sandbox AND bucket >= :since AND outcome <> 'ok'
          AND (:client_id = '' OR client_id = :client_id) AND (:operator_id = '' OR operator_id = :operator_id)
        GROUP BY kind, outcome, reason ORDER BY SUM(times) DESC, kind, reason LIMIT 50""",
    )


def _operators(table: str) -> Statement:
    return Statement(
        f"{table}.operators",
        f"""SELECT t.operator_id, o.name, t.kind, SUM(t.times) AS times
        FROM {table} AS t JOIN operators AS o ON o.id = t.operator_id
        WHERE t.product_id = :product_id AND t.sandbox = 0 AND t.bucket >= :since AND t.outcome = 'ok'
          AND t.kind IN ('pin_right', 'consent_added', 'token', 'consent_removed')
          AND (:client_id = '' OR t.client_id = :client_id)
        GROUP BY t.operator_id, o.name, t.kind""",
    )


SUMS = {"hour": _sums("traffic_hours"), "day": _sums("traffic_days")}
REASONS = {"hour": _reasons("traffic_hours"), "day": _reasons("traffic_days")}
OPERATORS = {"hour": _operators("traffic_hours"), "day": _operators("traffic_days")}


def event(row: Row) -> Event:
    """From a row to the value."""
    return Event(
        id=row.id,
        client_id=row.client_id,
        kind=Kind(row.kind),
        outcome=Outcome(row.outcome),
        reason=row.reason,
        detail=row.detail,
        sandbox=bool(row.sandbox),
        request_id=row.request_id,
        times=row.times,
        first_at=Instant(row.first_at),
        last_at=Instant(row.last_at),
    )
