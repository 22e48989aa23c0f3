"""SQL of consents on a subscriber's behalf."""

from __future__ import annotations

from dialkey.storage import Statement

REACH = Statement(
    "on_behalf.reach",
    """SELECT p.kind, l.enabled_at, c.scopes FROM products p
    LEFT JOIN listings l ON l.product_id = p.id AND l.operator_id = :operator_id
    LEFT JOIN consents c ON c.product_id = p.id AND c.subscription_id = :subscription_id AND c.withdrawn_at IS NULL
    WHERE p.id = :product_id""",
)
BY_SUBJECT = Statement(
    "on_behalf.by_subject",
    """SELECT subscription_id FROM consents WHERE product_id = :product_id AND subject = :subject AND subject <> ''
    AND withdrawn_at IS NULL""",
)
_OWN = "c.product_id, c.subscription_id, p.sector, c.scopes, c.created_by, c.metadata, c.updated_at"
OF_SUBSCRIPTION = Statement(
    "on_behalf.of_subscription",
    f"""SELECT {_OWN} FROM consents c JOIN products p ON p.id = c.product_id AND p.status <> 'deleted'
    WHERE c.subscription_id = :subscription_id AND c.withdrawn_at IS NULL ORDER BY c.product_id LIMIT 1000""",
)
OF_PRODUCT = Statement(
    "on_behalf.of_product",
    f"""SELECT {_OWN} FROM consents c JOIN products p ON p.id = c.product_id
    WHERE c.product_id = :product_id AND c.subscription_id > :after AND c.withdrawn_at IS NULL
    ORDER BY c.subscription_id LIMIT :most""",
)
# One row per scope. Either of the two ids is empty.
OF_OPERATORS = Statement(
    "on_behalf.of_operators",
    """SELECT p.id AS product_id, p.sector, o.slug AS operator, l.enabled_at, s.scope
    FROM listings l JOIN products p ON p.id = l.product_id AND p.kind = 'operator' AND p.status = 'active'
    JOIN operators o ON o.id = l.operator_id LEFT JOIN product_scopes s ON s.product_id = p.id
    WHERE (l.product_id = :product_id OR l.operator_id = :operator_id) AND l.enabled_at IS NOT NULL
    ORDER BY o.slug, p.id, s.optional, s.scope LIMIT 5000""",
)
PRODUCTS_AT = Statement(
    "on_behalf.products_at",
    """SELECT p.id, p.name, p.subtitle, p.product_url, p.description, p.icon_id, p.banner_id, p.screenshots
    FROM listings l JOIN products p ON p.id = l.product_id AND p.status = 'active'
    JOIN operators o ON o.id = l.operator_id AND o.status = 'active'
    JOIN organizations g ON g.id = p.organization_id AND g.deleted_at IS NULL
    WHERE o.slug = :slug AND l.enabled_at IS NOT NULL AND p.id > :after ORDER BY p.id LIMIT :most""",
)
OPERATOR_BY_SLUG = Statement(
    "on_behalf.operator",
    """SELECT o.id, l.enabled_at FROM operators o
    LEFT JOIN listings l ON l.operator_id = o.id AND l.product_id = :product_id WHERE o.slug = :slug""",
)
