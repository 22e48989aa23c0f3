-- the JSON API: answers to requests with an Idempotency-Key, for a day; sealed, because some of them show a secret
CREATE TABLE IF NOT EXISTS api_answers (
  digest TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS api_answers_expiry ON api_answers (expires_at);
