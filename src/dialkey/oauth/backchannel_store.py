"""SQL of the back channel: which clients were signed in to."""

from __future__ import annotations

from dialkey.storage import Statement

_CLIENT = """FROM authorizations a JOIN clients c ON c.id = a.client_id AND c.status = 'active'
  AND c.backchannel_logout_uri IS NOT NULL"""
OF_SESSION = Statement(
    "backchannel.of_session",
    f"""SELECT DISTINCT a.client_id, a.subscription_id, a.session_id {_CLIENT}
    WHERE a.session_id = :session_id AND a.exchanged_at IS NOT NULL LIMIT 200""",
)
OF_SUBJECT = Statement(
    "backchannel.of_subject",
    f"""SELECT DISTINCT a.client_id, a.subscription_id, a.session_id,
      c.backchannel_logout_session_required AS session_required {_CLIENT}
    WHERE a.subscription_id = :subscription_id AND (:product_id = '' OR a.product_id = :product_id)
      AND a.exchanged_at IS NOT NULL AND a.ended_at >= :since LIMIT 1000""",
)
