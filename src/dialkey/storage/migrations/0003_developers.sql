-- developers: people of an organization are accounts. An e-mail address alone gives nobody access

ALTER TABLE organizations ADD COLUMN created_by TEXT;
ALTER TABLE organizations ADD COLUMN changed_at BIGINT;
ALTER TABLE organizations ADD COLUMN deleted_at BIGINT;
ALTER TABLE organizations ADD COLUMN closes_at BIGINT;
CREATE INDEX IF NOT EXISTS organizations_creator ON organizations (created_by);
CREATE INDEX IF NOT EXISTS organizations_closing ON organizations (closes_at) WHERE closes_at IS NOT NULL;

ALTER TABLE members ADD COLUMN account_id TEXT;
CREATE UNIQUE INDEX IF NOT EXISTS members_account ON members (account_id, organization_id);

CREATE TABLE IF NOT EXISTS invitations (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  email TEXT NOT NULL,
  role TEXT NOT NULL,
  token_digest TEXT NOT NULL UNIQUE,
  invited_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT NOT NULL,
  sends BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  UNIQUE (organization_id, email)
);
CREATE INDEX IF NOT EXISTS invitations_expiry ON invitations (expires_at);

CREATE TABLE IF NOT EXISTS api_keys (
  id TEXT PRIMARY KEY,
  account_id TEXT,
  organization_id TEXT REFERENCES organizations (id),
  created_by TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  digest TEXT NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  last_used_at BIGINT,
  revoked_at BIGINT
);
CREATE INDEX IF NOT EXISTS api_keys_account ON api_keys (account_id);
CREATE INDEX IF NOT EXISTS api_keys_organization ON api_keys (organization_id);

CREATE TABLE IF NOT EXISTS notices (
  id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  organization_id TEXT,
  kind TEXT NOT NULL,
  data TEXT NOT NULL,
  path TEXT NOT NULL,
  at BIGINT NOT NULL,
  read_at BIGINT,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS notices_account ON notices (account_id, organization_id, at, id);
CREATE INDEX IF NOT EXISTS notices_expiry ON notices (expires_at);

CREATE TABLE IF NOT EXISTS webhooks (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS webhooks_organization ON webhooks (organization_id);
CREATE TABLE IF NOT EXISTS webhook_secrets (
  id TEXT PRIMARY KEY,
  webhook_id TEXT NOT NULL REFERENCES webhooks (id),
  sealed {bytes} NOT NULL,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);
CREATE INDEX IF NOT EXISTS webhook_secrets_webhook ON webhook_secrets (webhook_id);
CREATE INDEX IF NOT EXISTS webhook_secrets_expiry ON webhook_secrets (expires_at) WHERE expires_at IS NOT NULL;

-- the trail of one organization, newest first
CREATE INDEX IF NOT EXISTS audit_events_organization ON audit_events (organization_id, at, id) WHERE organization_id IS NOT NULL;
