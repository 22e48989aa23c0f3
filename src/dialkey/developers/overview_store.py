"""SQL of the start page."""

from __future__ import annotations

from dialkey.storage import Statement

OWN_PRODUCTS = Statement(
    "developers.own_products",
    """SELECT p.id, p.organization_id, p.name, p.subtitle, p.icon_id, p.accent, p.kind, p.status, p.verified_at,
      (SELECT count(*) FROM product_scopes s WHERE s.product_id = p.id) AS scopes,
      (SELECT count(*) FROM clients c WHERE c.product_id = p.id AND c.status <> 'deleted') AS clients,
      (SELECT min(c.id) FROM clients c WHERE c.product_id = p.id AND c.status <> 'deleted') AS first_client_id,
      (SELECT count(l.enabled_at) FROM listings l WHERE l.product_id = p.id) AS enabled,
      EXISTS (SELECT 1 FROM consents a WHERE a.product_id = p.id) AS tried,
      (SELECT v.state FROM product_versions v WHERE v.product_id = p.id ORDER BY v.number DESC LIMIT 1) AS state,
      (SELECT max(v.submitted_at) FROM product_versions v WHERE v.product_id = p.id) AS submitted
    FROM members m JOIN products p ON p.organization_id = m.organization_id
    WHERE m.account_id = :account_id AND p.status <> 'deleted'
    ORDER BY p.updated_at DESC, p.id LIMIT :limit""",
)
