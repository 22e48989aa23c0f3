-- products: what the portal keeps of them besides what the protocol reads, and their versions under review

ALTER TABLE products ADD COLUMN kind TEXT NOT NULL DEFAULT 'subscriber';
ALTER TABLE products ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE products ADD COLUMN banner_id TEXT;
ALTER TABLE products ADD COLUMN screenshots TEXT NOT NULL DEFAULT '';
ALTER TABLE products ADD COLUMN availability TEXT NOT NULL DEFAULT 'limited';

-- one row per round: edited (draft), handed in (submitted), then decided; at most one of a product is open
CREATE TABLE IF NOT EXISTS product_versions (
  product_id TEXT NOT NULL REFERENCES products (id),
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  content TEXT NOT NULL,
  note TEXT NOT NULL,
  comment TEXT NOT NULL,
  submitted_by TEXT,
  submitted_at BIGINT,
  decided_by TEXT,
  decided_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (product_id, number)
);
CREATE UNIQUE INDEX IF NOT EXISTS product_versions_open ON product_versions (product_id)
  WHERE state IN ('draft', 'submitted');
CREATE INDEX IF NOT EXISTS product_versions_queue ON product_versions (state, submitted_at, product_id);

-- an address, or a whole client, that waits for the product's next approval: until then for the organization's own
-- sandbox numbers only
ALTER TABLE client_uris ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;

-- which pictures a product has had, so that it cannot pile them up
CREATE TABLE IF NOT EXISTS product_pictures (
  product_id TEXT NOT NULL REFERENCES products (id),
  image_id TEXT NOT NULL,
  added_at BIGINT NOT NULL,
  PRIMARY KEY (product_id, image_id)
);
CREATE INDEX IF NOT EXISTS product_pictures_image ON product_pictures (image_id);
