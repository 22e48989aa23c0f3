"""SQL of the API itself: answers that are given again, and rows that are held while `If-Match` is compared."""

from __future__ import annotations

from dialkey.storage import Statement

FIND_ANSWER = Statement(
    "api.find_answer", "SELECT fingerprint, sealed FROM api_answers WHERE digest = :digest AND expires_at > :now"
)
KEEP_ANSWER = Statement(
    "api.keep_answer",
    """INSERT INTO api_answers (digest, fingerprint, sealed, created_at, expires_at)
    VALUES (:digest, :fingerprint, :sealed, :now, :expires_at)
    ON CONFLICT (digest) DO UPDATE SET fingerprint = excluded.fingerprint, sealed = excluded.sealed,
      created_at = excluded.created_at, expires_at = excluded.expires_at
    WHERE api_answers.expires_at <= :now""",
)
HOLD_PRODUCT = Statement(
    "api.hold_product", "UPDATE products SET updated_at = updated_at WHERE id = :product_id RETURNING id"
)
HOLD_PRODUCT_OF_CLIENT = Statement(
    "api.hold_product_of_client",
    """UPDATE products SET updated_at = updated_at
    WHERE id = (SELECT product_id FROM clients WHERE id = :client_id) RETURNING id""",
)
HOLD_CLIENT = Statement(
    "api.hold_client", "UPDATE clients SET updated_at = updated_at WHERE id = :client_id RETURNING id"
)
