-- mail: queued, sealed, and deleted once it was delivered
CREATE TABLE IF NOT EXISTS mail_messages (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  queued_at BIGINT NOT NULL,
  delivered_at BIGINT,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS mail_messages_delivered ON mail_messages (delivered_at, id);
CREATE INDEX IF NOT EXISTS mail_messages_expiry ON mail_messages (expires_at);

-- accounts: people who sign in to the portal, each with a verified address
CREATE TABLE IF NOT EXISTS accounts (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password_hash TEXT,
  password_changed_at BIGINT,
  created_at BIGINT NOT NULL,
  closed_at BIGINT
);
CREATE TABLE IF NOT EXISTS account_sessions (
  id TEXT PRIMARY KEY,
  token_digest TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  amr TEXT NOT NULL,
  agent TEXT NOT NULL,
  network TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  strong_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS account_sessions_account ON account_sessions (account_id);
CREATE INDEX IF NOT EXISTS account_sessions_expiry ON account_sessions (expires_at);
-- a sign-in whose password was right and whose second factor is asked for
CREATE TABLE IF NOT EXISTS account_sign_ins (
  id TEXT PRIMARY KEY,
  ticket_digest TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  tries BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS account_sign_ins_account ON account_sign_ins (account_id);
CREATE INDEX IF NOT EXISTS account_sign_ins_expiry ON account_sign_ins (expires_at);
-- mailed links, and requests for one that a job has not answered yet (no digest)
CREATE TABLE IF NOT EXISTS account_links (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  token_digest TEXT UNIQUE,
  account_id TEXT REFERENCES accounts (id),
  browser_digest TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS account_links_account ON account_links (account_id);
CREATE INDEX IF NOT EXISTS account_links_expiry ON account_links (expires_at);
CREATE TABLE IF NOT EXISTS account_totp (
  account_id TEXT PRIMARY KEY REFERENCES accounts (id),
  sealed {bytes} NOT NULL,
  last_step BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT
);
CREATE TABLE IF NOT EXISTS account_recovery_codes (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  digest TEXT NOT NULL,
  PRIMARY KEY (account_id, digest)
);
CREATE TABLE IF NOT EXISTS account_passkeys (
  id TEXT PRIMARY KEY,
  credential_id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  public_key {bytes} NOT NULL,
  sign_count BIGINT NOT NULL,
  transports TEXT NOT NULL,
  name TEXT NOT NULL,
  synced BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE INDEX IF NOT EXISTS account_passkeys_account ON account_passkeys (account_id);
-- challenges that were answered: each is good once
CREATE TABLE IF NOT EXISTS account_challenges (
  digest TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS account_challenges_expiry ON account_challenges (expires_at);
