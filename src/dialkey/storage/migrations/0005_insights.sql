-- what developers may know of their clients' traffic: a log of the latest events, and counts

-- one row per kind of event, reason and minute; `id` says which, so that several nodes fold into the same row
CREATE TABLE IF NOT EXISTS client_events (
  id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  sandbox BIGINT NOT NULL,
  request_id TEXT NOT NULL,
  times BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS client_events_latest ON client_events (client_id, last_at, id);
CREATE INDEX IF NOT EXISTS client_events_age ON client_events (last_at);

-- counts by hour and by day; `bucket` is the instant at which it begins, in UTC
CREATE TABLE IF NOT EXISTS traffic_hours (
  product_id TEXT NOT NULL,
  sandbox BIGINT NOT NULL,
  bucket BIGINT NOT NULL,
  client_id TEXT NOT NULL,
  operator_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  times BIGINT NOT NULL,
  PRIMARY KEY (product_id, sandbox, bucket, client_id, operator_id, kind, outcome, reason)
);
CREATE INDEX IF NOT EXISTS traffic_hours_age ON traffic_hours (bucket);
CREATE TABLE IF NOT EXISTS traffic_days (
  product_id TEXT NOT NULL,
  sandbox BIGINT NOT NULL,
  bucket BIGINT NOT NULL,
  client_id TEXT NOT NULL,
  operator_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  times BIGINT NOT NULL,
  PRIMARY KEY (product_id, sandbox, bucket, client_id, operator_id, kind, outcome, reason)
);
CREATE INDEX IF NOT EXISTS traffic_days_age ON traffic_days (bucket);
