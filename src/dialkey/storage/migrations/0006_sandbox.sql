-- the developer sandbox: test numbers of organizations, and what their next sign-in comes to

ALTER TABLE subscriptions ADD COLUMN organization_id TEXT;
ALTER TABLE sign_ins ADD COLUMN forced TEXT NOT NULL DEFAULT '';

-- one row per organization that has opened its sandbox: how many test numbers it has
CREATE TABLE IF NOT EXISTS sandboxes (
  organization_id TEXT PRIMARY KEY,
  numbers BIGINT NOT NULL,
  opened_at BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS sandbox_numbers (
  phone_number TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
  label TEXT NOT NULL,
  brand_operator_id TEXT,
  sealed_pin {bytes},
  outcome TEXT NOT NULL,
  once BIGINT NOT NULL,
  position BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS sandbox_numbers_organization ON sandbox_numbers (organization_id, created_at, position);
