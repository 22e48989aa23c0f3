-- consent change events: written with the change; a position is given once that is committed (decision 0015)
CREATE TABLE IF NOT EXISTS consent_events (
  id TEXT PRIMARY KEY,
  product_id TEXT NOT NULL,
  position BIGINT,
  kind TEXT NOT NULL,
  subscription_id TEXT,
  operator_id TEXT,
  scopes TEXT NOT NULL,
  numbered BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS consent_events_position ON consent_events (product_id, position)
  WHERE position IS NOT NULL;
CREATE INDEX IF NOT EXISTS consent_events_new ON consent_events (product_id, at, id) WHERE position IS NULL;
CREATE INDEX IF NOT EXISTS consent_events_expiry ON consent_events (expires_at);
CREATE TABLE IF NOT EXISTS event_heads (
  product_id TEXT PRIMARY KEY,
  last BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_heads_changed ON event_heads (changed_at);

-- a client's durable place in its product's stream, and what was handed out and not acknowledged
CREATE TABLE IF NOT EXISTS event_queues (
  id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES clients (id),
  product_id TEXT NOT NULL,
  name TEXT NOT NULL,
  cursor BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  UNIQUE (client_id, name)
);
CREATE INDEX IF NOT EXISTS event_queues_expiry ON event_queues (expires_at);
CREATE TABLE IF NOT EXISTS event_leases (
  queue_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (queue_id, position)
);
CREATE INDEX IF NOT EXISTS event_leases_expiry ON event_leases (expires_at);

-- what webhooks are told: one row per message and endpoint, without its content
CREATE TABLE IF NOT EXISTS webhook_deliveries (
  webhook_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  product_id TEXT,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  give_up_at BIGINT NOT NULL,
  tried_at BIGINT,
  status BIGINT,
  outcome TEXT,
  milliseconds BIGINT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (webhook_id, message_id)
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS webhook_deliveries_log ON webhook_deliveries (webhook_id, created_at, message_id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_expiry ON webhook_deliveries (expires_at);
-- an endpoint is worked through by one process at a time, and rests after a failure
ALTER TABLE webhooks ADD COLUMN due_at BIGINT;
ALTER TABLE webhooks ADD COLUMN claimed_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN resting_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN failing_since BIGINT;
ALTER TABLE webhooks ADD COLUMN disabled_why TEXT NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;

-- consents that a product gave on a subscriber's behalf, and the subject that finds a consent
ALTER TABLE consents ADD COLUMN created_by TEXT;
ALTER TABLE consents ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE consents ADD COLUMN subject TEXT NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS consents_subject ON consents (product_id, subject) WHERE subject <> '';
CREATE INDEX IF NOT EXISTS consents_of_product ON consents (product_id, subscription_id) WHERE withdrawn_at IS NULL;

-- OpenID Connect Back-Channel Logout 1.0
ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT;
ALTER TABLE clients ADD COLUMN backchannel_logout_session_required BIGINT NOT NULL DEFAULT 0;
