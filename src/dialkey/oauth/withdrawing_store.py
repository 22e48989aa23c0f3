"""SQL of ending many consents."""

from __future__ import annotations

from dialkey.storage import Statement

STILL_ENABLED = Statement(
    "withdrawing.still_enabled",
    """SELECT enabled_at FROM listings WHERE product_id = :product_id AND operator_id = :operator_id
    AND enabled_at IS NOT NULL""",
)
PRODUCT = Statement(
    "withdrawing.product", "SELECT id, name, organization_id, terms_url FROM products WHERE id = :id"
)
LIVE = Statement(
    "withdrawing.live",
    """SELECT c.subscription_id, s.operator_id FROM consents c JOIN subscriptions s ON s.id = c.subscription_id
    WHERE c.product_id = :product_id AND c.withdrawn_at IS NULL AND c.updated_at <= :at
    AND c.subscription_id > :after AND (:operator_id = '' OR s.operator_id = :operator_id)
    ORDER BY c.subscription_id LIMIT :most""",
)
