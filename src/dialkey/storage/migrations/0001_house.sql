-- Instants are milliseconds since the epoch. Keys are random. Truth values are 0 and 1. Lists of words are separated by spaces.

-- the installation's own secrets, encrypted under the master key
CREATE TABLE IF NOT EXISTS secrets (
  purpose TEXT NOT NULL,
  version BIGINT NOT NULL,
  sealed {bytes} NOT NULL,
  created_at BIGINT NOT NULL,
  retired_at BIGINT,
  PRIMARY KEY (purpose, version)
);
CREATE TABLE IF NOT EXISTS signing_keys (
  kid TEXT PRIMARY KEY,
  alg TEXT NOT NULL,
  sealed_private {bytes} NOT NULL,
  public_jwk TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  signs_from BIGINT NOT NULL,
  retired_at BIGINT,
  served_until BIGINT
);

-- directory: operators, developers and what they offer
CREATE TABLE IF NOT EXISTS operators (
  id TEXT PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  country TEXT NOT NULL,
  locale TEXT NOT NULL,
  accent TEXT NOT NULL,
  icon_id TEXT,
  support TEXT,
  sms_sender TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS organizations (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  verified_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS members (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  email TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (organization_id, email)
);
CREATE TABLE IF NOT EXISTS products (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  sector TEXT NOT NULL,
  name TEXT NOT NULL,
  subtitle TEXT NOT NULL,
  price TEXT NOT NULL,
  accent TEXT NOT NULL,
  icon_id TEXT,
  support TEXT,
  product_url TEXT,
  terms_url TEXT,
  privacy_url TEXT,
  terms_version BIGINT NOT NULL,
  status TEXT NOT NULL,
  verified_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS products_organization ON products (organization_id);
CREATE TABLE IF NOT EXISTS scopes (
  scope TEXT PRIMARY KEY,
  category TEXT NOT NULL,
  description TEXT NOT NULL,
  audience TEXT NOT NULL,
  subscriber_facing BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS product_scopes (
  product_id TEXT NOT NULL REFERENCES products (id),
  scope TEXT NOT NULL REFERENCES scopes (scope),
  optional BIGINT NOT NULL,
  PRIMARY KEY (product_id, scope)
);
CREATE TABLE IF NOT EXISTS listings (
  product_id TEXT NOT NULL REFERENCES products (id),
  operator_id TEXT NOT NULL REFERENCES operators (id),
  listed_at BIGINT NOT NULL,
  enabled_at BIGINT,
  PRIMARY KEY (product_id, operator_id)
);
CREATE INDEX IF NOT EXISTS listings_operator ON listings (operator_id);
CREATE TABLE IF NOT EXISTS clients (
  id TEXT PRIMARY KEY,
  product_id TEXT NOT NULL REFERENCES products (id),
  description TEXT NOT NULL,
  kind TEXT NOT NULL,
  auth_method TEXT NOT NULL,
  grant_types TEXT NOT NULL,
  require_pkce BIGINT NOT NULL,
  id_token_alg TEXT NOT NULL,
  access_token_format TEXT NOT NULL,
  profile TEXT NOT NULL,
  retry_window BIGINT,
  jwks TEXT,
  may_introspect_all BIGINT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS clients_product ON clients (product_id);
CREATE TABLE IF NOT EXISTS client_uris (
  client_id TEXT NOT NULL REFERENCES clients (id),
  kind TEXT NOT NULL,
  uri TEXT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (client_id, kind, uri)
);
CREATE TABLE IF NOT EXISTS client_origins (
  origin TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id),
  PRIMARY KEY (origin, client_id)
);
CREATE TABLE IF NOT EXISTS client_secrets (
  id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES clients (id),
  digest TEXT NOT NULL,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT
);
CREATE INDEX IF NOT EXISTS client_secrets_client ON client_secrets (client_id);
CREATE TABLE IF NOT EXISTS client_assertions (
  client_id TEXT NOT NULL,
  jti TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (client_id, jti)
);
CREATE INDEX IF NOT EXISTS client_assertions_expiry ON client_assertions (expires_at);
CREATE TABLE IF NOT EXISTS images (
  id TEXT PRIMARY KEY,
  media_type TEXT NOT NULL,
  content {bytes} NOT NULL,
  created_at BIGINT NOT NULL
);

-- subscribers: the contract outlives its numbers
CREATE TABLE IF NOT EXISTS subscriptions (
  id TEXT PRIMARY KEY,
  operator_id TEXT NOT NULL REFERENCES operators (id),
  status TEXT NOT NULL,
  phone_number TEXT UNIQUE,
  number_since BIGINT NOT NULL,
  locale TEXT,
  sandbox BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX IF NOT EXISTS subscriptions_operator ON subscriptions (operator_id);
CREATE TABLE IF NOT EXISTS number_history (
  subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
  phone_number TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (subscription_id, from_at)
);

-- signing in
CREATE TABLE IF NOT EXISTS sign_ins (
  id TEXT PRIMARY KEY,
  browser_digest TEXT NOT NULL,
  client_id TEXT NOT NULL,
  start TEXT NOT NULL,
  locale TEXT NOT NULL,
  phone_number TEXT NOT NULL,
  subscription_id TEXT,
  operator_id TEXT,
  seed TEXT NOT NULL,
  digits BIGINT NOT NULL,
  pin_expires_at BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  sends BIGINT NOT NULL,
  last_sent_at BIGINT NOT NULL,
  session_id TEXT,
  passed_at BIGINT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS sign_ins_expiry ON sign_ins (expires_at);
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY,
  token_digest TEXT NOT NULL UNIQUE,
  subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
  operator_id TEXT NOT NULL,
  phone_number TEXT NOT NULL,
  authenticated_at BIGINT NOT NULL,
  amr TEXT NOT NULL,
  acr TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  idle_expires_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  end_reason TEXT
);
CREATE INDEX IF NOT EXISTS sessions_subscription ON sessions (subscription_id);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expires_at);
CREATE TABLE IF NOT EXISTS limits (
  key TEXT PRIMARY KEY,
  bucket BIGINT NOT NULL,
  c0 BIGINT NOT NULL,
  c1 BIGINT NOT NULL,
  c2 BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS limits_expiry ON limits (expires_at);

-- consent
CREATE TABLE IF NOT EXISTS consents (
  subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
  product_id TEXT NOT NULL REFERENCES products (id),
  scopes TEXT NOT NULL,
  declined TEXT NOT NULL,
  terms_version BIGINT NOT NULL,
  owner TEXT NOT NULL,
  given_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  withdrawn_at BIGINT,
  PRIMARY KEY (subscription_id, product_id)
);
CREATE INDEX IF NOT EXISTS consents_product ON consents (product_id);
CREATE TABLE IF NOT EXISTS consent_evidence (
  id TEXT PRIMARY KEY,
  subscription_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  change TEXT NOT NULL,
  scopes TEXT NOT NULL,
  declined TEXT NOT NULL,
  text_version TEXT NOT NULL,
  locale TEXT NOT NULL,
  shown TEXT NOT NULL,
  terms_url TEXT,
  terms_version BIGINT NOT NULL,
  client_id TEXT,
  session_id TEXT,
  at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS consent_evidence_pair ON consent_evidence (subscription_id, product_id);

-- the protocol: one row per run that a subscriber finished; in its last stage it is the grant
CREATE TABLE IF NOT EXISTS authorizations (
  id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
  operator_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  redirect_uri_sent BIGINT NOT NULL,
  code_challenge TEXT NOT NULL,
  scope TEXT NOT NULL,
  refreshable BIGINT NOT NULL,
  nonce TEXT,
  auth_time BIGINT NOT NULL,
  amr TEXT NOT NULL,
  acr TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  fulfilled_at BIGINT NOT NULL,
  code_expires_at BIGINT NOT NULL,
  exchanged_at BIGINT,
  generation BIGINT NOT NULL,
  rotated_at BIGINT,
  idle_expires_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  end_reason TEXT
);
CREATE INDEX IF NOT EXISTS authorizations_pair ON authorizations (subscription_id, client_id);
CREATE INDEX IF NOT EXISTS authorizations_session ON authorizations (session_id);
CREATE INDEX IF NOT EXISTS authorizations_expiry ON authorizations (expires_at);
CREATE TABLE IF NOT EXISTS ended_tokens (
  jti TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS ended_tokens_expiry ON ended_tokens (expires_at);

-- services
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  run_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  claimed_at BIGINT,
  finished_at BIGINT,
  outcome TEXT
);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (state, run_at);
CREATE TABLE IF NOT EXISTS schedules (
  name TEXT PRIMARY KEY,
  next_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS handset_messages (
  id TEXT PRIMARY KEY,
  phone_number TEXT NOT NULL,
  sender TEXT NOT NULL,
  sealed_body {bytes} NOT NULL,
  received_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS handset_messages_number ON handset_messages (phone_number, received_at);
CREATE INDEX IF NOT EXISTS handset_messages_expiry ON handset_messages (expires_at);
CREATE TABLE IF NOT EXISTS audit_events (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  tag TEXT NOT NULL,
  actor TEXT NOT NULL,
  subject TEXT NOT NULL,
  operator_id TEXT,
  organization_id TEXT,
  request_id TEXT,
  data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_events_at ON audit_events (at);
CREATE INDEX IF NOT EXISTS audit_events_subject ON audit_events (subject, at);
