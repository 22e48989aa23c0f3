-- links with which a product lets its subscriber remove it; the link itself is not kept, only its digest
CREATE TABLE IF NOT EXISTS removal_links (
  digest TEXT PRIMARY KEY,
  subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
  product_id TEXT NOT NULL,
  operator_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  outcome TEXT
);
CREATE INDEX IF NOT EXISTS removal_links_expiry ON removal_links (expires_at);
