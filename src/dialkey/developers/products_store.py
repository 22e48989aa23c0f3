"""SQL of products, their versions and their clients, as developers and reviewers see them."""

from __future__ import annotations

from dialkey.developers.store import BELONGS, MEMBER, SEEN_BY
from dialkey.storage import Statement

_PRODUCT = """p.id, p.organization_id, p.kind, p.availability, p.name, p.subtitle, p.description, p.price, p.accent,
  p.icon_id, p.banner_id, p.screenshots, p.support, p.product_url, p.terms_url, p.privacy_url, p.terms_version, p.status,
  p.verified_at, p.created_at, p.updated_at"""
_VERSION = """v.number, v.state, v.note, v.comment, v.submitted_by, v.submitted_at, v.decided_by, v.decided_at,
  v.created_at, v.updated_at"""

# products

_VIEW = f"""{_PRODUCT}, o.name AS organization_name, o.verified_at AS organization_verified_at,
      (SELECT count(*) FROM clients c WHERE c.product_id = p.id AND c.status <> 'deleted') AS clients,
      (SELECT count(*) FROM listings l WHERE l.product_id = p.id) AS listed,
      (SELECT count(l.enabled_at) FROM listings l WHERE l.product_id = p.id) AS enabled,
      EXISTS (SELECT 1 FROM consents s WHERE s.product_id = p.id AND s.withdrawn_at IS NULL) AS has_subscribers"""
PRODUCT_VIEW = Statement(
    "developers.product_view",
    f"""SELECT {_VIEW} FROM products p JOIN organizations o ON o.id = p.organization_id
    WHERE p.id = :id AND p.status <> 'deleted'""",
)
PRODUCT_SEEN = Statement(
    "developers.product_seen",
    f"""SELECT {_VIEW}, {SEEN_BY} FROM products p JOIN organizations o ON o.id = p.organization_id {MEMBER}
    WHERE p.id = :id AND p.status <> 'deleted' AND {BELONGS}""",
)
HOLD_PRODUCT = Statement(
    "developers.hold_product",
    f"""UPDATE products AS p SET updated_at = :now WHERE p.id = :id AND p.status <> 'deleted'
    RETURNING {_PRODUCT.replace("p.", "")}""",
)
SET_PRODUCT = Statement(
    "developers.set_product",
    """UPDATE products SET name = :name, subtitle = :subtitle, description = :description, price = :price,
      accent = :accent, icon_id = :icon_id, banner_id = :banner_id, screenshots = :screenshots, support = :support,
      product_url = :product_url, terms_url = :terms_url, privacy_url = :privacy_url,
      terms_version = terms_version + :new_terms, updated_at = :now WHERE id = :id""",
)
APPROVE_PRODUCT = Statement(
    "developers.approve_product", "UPDATE products SET verified_at = :now WHERE id = :id AND verified_at IS NULL"
)
SET_AVAILABILITY = Statement(
    "developers.set_availability",
    "UPDATE products SET availability = :availability WHERE id = :id AND availability <> :availability",
)
DELETE_PRODUCT = Statement("developers.delete_product", "UPDATE products SET status = 'deleted' WHERE id = :id")
DROP_PRODUCT_ORIGINS = Statement(
    "developers.drop_product_origins",
    "DELETE FROM client_origins WHERE client_id IN (SELECT id FROM clients WHERE product_id = :id)",
)
HAS_SUBSCRIBERS = Statement(
    "developers.has_subscribers",
    "SELECT subscription_id FROM consents WHERE product_id = :id AND withdrawn_at IS NULL LIMIT 1",
)
COUNT_PRODUCTS = Statement(
    "developers.count_products",
    "SELECT count(*) AS products FROM products WHERE organization_id = :id AND status <> 'deleted'",
)
HOLD_ORGANIZATION = Statement(
    "developers.hold_organization", "UPDATE organizations SET name = name WHERE id = :id RETURNING id"
)
PRODUCTS = Statement(
    "developers.products",
    """SELECT p.id, p.name, p.subtitle, p.icon_id, p.accent, p.kind, p.status, p.verified_at, p.updated_at,
      (SELECT count(*) FROM clients c WHERE c.product_id = p.id AND c.status <> 'deleted') AS clients,
      (SELECT count(l.enabled_at) FROM listings l WHERE l.product_id = p.id) AS enabled,
      (SELECT v.state FROM product_versions v WHERE v.product_id = p.id ORDER BY v.number DESC LIMIT 1) AS state
    FROM products p WHERE p.organization_id = :organization_id AND p.status <> 'deleted'
      AND (:after = '' OR (p.created_at, p.id) < (SELECT a.created_at, a.id FROM products a WHERE a.id = :after
        AND a.organization_id = :organization_id))
    ORDER BY p.created_at DESC, p.id DESC LIMIT :limit""",
)
SCOPES = Statement("developers.scopes", "SELECT scope, optional FROM product_scopes WHERE product_id = :id")
DROP_SCOPE = Statement(
    "developers.drop_scope", "DELETE FROM product_scopes WHERE product_id = :id AND scope = :scope"
)
PUT_SCOPE = Statement(
    "developers.put_scope",
    """INSERT INTO product_scopes (product_id, scope, optional) VALUES (:id, :scope, :optional)
    ON CONFLICT (product_id, scope) DO UPDATE SET optional = excluded.optional""",
)

# listings

OPERATORS = Statement(
    "developers.operators",
    """SELECT o.id, o.slug, o.name, o.country, o.icon_id, o.accent, l.listed_at, l.enabled_at
    FROM operators o LEFT JOIN listings l ON l.operator_id = o.id AND l.product_id = :product_id
    WHERE o.slug > :after AND o.status = 'active' AND (:offered_only = 0 OR l.listed_at IS NOT NULL)
      AND (lower(o.name) LIKE :like ESCAPE '!' OR o.slug LIKE :like ESCAPE '!' OR lower(o.country) LIKE :like ESCAPE '!')
    ORDER BY o.slug LIMIT :limit""",
)
DROP_LISTING = Statement(
    "developers.drop_listing",
    "DELETE FROM listings WHERE product_id = :product_id AND operator_id = :operator_id RETURNING enabled_at",
)
COUNT_LISTINGS = Statement(
    "developers.count_listings", "SELECT count(*) AS listed FROM listings WHERE product_id = :id"
)

# pictures

ADD_PICTURE = Statement(
    "developers.add_picture",
    """INSERT INTO product_pictures (product_id, image_id, added_at) VALUES (:id, :image_id, :now)
    ON CONFLICT (product_id, image_id) DO UPDATE SET added_at = excluded.added_at""",
)
PICTURES = Statement(
    "developers.pictures", "SELECT image_id FROM product_pictures WHERE product_id = :id ORDER BY added_at, image_id"
)
DROP_PICTURE = Statement(
    "developers.drop_picture", "DELETE FROM product_pictures WHERE product_id = :id AND image_id = :image_id"
)
DROP_IMAGE = Statement(
    "developers.drop_image",
    """DELETE FROM images WHERE id = :image_id
      AND NOT EXISTS (SELECT 1 FROM product_pictures u WHERE u.image_id = :image_id)
      AND NOT EXISTS (SELECT 1 FROM operators o WHERE o.icon_id = :image_id)
      AND NOT EXISTS (SELECT 1 FROM products p WHERE p.icon_id = :image_id)""",
)

# versions

LAST_VERSIONS = Statement(
    "developers.last_versions",
    f"""SELECT {_VERSION}, v.content FROM product_versions v WHERE v.product_id = :id
    ORDER BY v.number DESC LIMIT 2""",
)
VERSIONS = Statement(
    "developers.versions",
    f"""SELECT {_VERSION} FROM product_versions v WHERE v.product_id = :id AND (:after = 0 OR v.number < :after)
    ORDER BY v.number DESC LIMIT :limit""",
)
VERSION = Statement(
    "developers.version",
    f"SELECT {_VERSION}, v.content FROM product_versions v WHERE v.product_id = :id AND v.number = :number",
)
ADD_VERSION = Statement(
    "developers.add_version",
    """INSERT INTO product_versions (product_id, number, state, content, note, comment, submitted_by, submitted_at,
      decided_by, decided_at, created_at, updated_at)
    VALUES (:id, :number, :state, :content, :note, '', :submitted_by, :submitted_at, NULL, NULL, :now, :now)""",
)
SET_DRAFT = Statement(
    "developers.set_draft",
    """UPDATE product_versions SET content = :content, updated_at = :now
    WHERE product_id = :id AND number = :number AND state = 'draft'""",
)
DROP_DRAFT = Statement(
    "developers.drop_draft", "DELETE FROM product_versions WHERE product_id = :id AND state = 'draft'"
)
SUBMIT_DRAFT = Statement(
    "developers.submit_draft",
    """UPDATE product_versions SET state = 'submitted', content = :content, note = :note, submitted_by = :actor,
      submitted_at = :now, updated_at = :now WHERE product_id = :id AND number = :number AND state = 'draft'""",
)
WITHDRAW_VERSION = Statement(
    "developers.withdraw_version",
    """UPDATE product_versions SET state = 'withdrawn', updated_at = :now
    WHERE product_id = :id AND state = 'submitted' RETURNING number, content""",
)
DECIDE_VERSION = Statement(
    "developers.decide_version",
    """UPDATE product_versions SET state = :state, comment = :comment, decided_by = :actor, decided_at = :now,
      updated_at = :now WHERE product_id = :id AND number = :number AND state = 'submitted'
    RETURNING content, submitted_by""",
)
SUPERSEDE_VERSIONS = Statement(
    "developers.supersede_versions",
    """UPDATE product_versions SET state = 'superseded', updated_at = :now
    WHERE product_id = :id AND state = 'approved'""",
)
QUEUE = Statement(
    "developers.queue",
    """SELECT v.product_id, v.number, v.submitted_at, p.name, p.verified_at, p.organization_id,
      o.name AS organization_name
    FROM product_versions v JOIN products p ON p.id = v.product_id JOIN organizations o ON o.id = p.organization_id
    WHERE v.state = 'submitted' AND (:after = '' OR (v.submitted_at, v.product_id) > (SELECT a.submitted_at, a.product_id
      FROM product_versions a WHERE a.product_id = :after AND a.state = 'submitted'))
    ORDER BY v.submitted_at, v.product_id LIMIT :limit""",
)
OPEN_VERSION = Statement(
    "developers.open_version",
    f"""SELECT {_VERSION}, v.content FROM product_versions v
    WHERE v.product_id = :id AND v.state IN ('draft', 'submitted')""",
)

# clients

CLIENTS_AND_URIS = Statement(
    "developers.clients_and_uris",
    """SELECT c.id, c.description, c.kind, c.pending, c.grant_types, u.kind AS uri_kind, u.uri, u.pending AS uri_pending
    FROM clients c LEFT JOIN client_uris u ON u.client_id = c.id
    WHERE c.product_id = :id AND c.status <> 'deleted' ORDER BY c.created_at, c.id, u.kind, u.position""",
)
RELEASE_URI = Statement(
    "developers.release_uri",
    "UPDATE client_uris SET pending = 0 WHERE client_id = :client_id AND kind = :kind AND uri = :uri AND pending <> 0",
)
RELEASE_CLIENT = Statement(
    "developers.release_client",
    "UPDATE clients SET pending = 0, updated_at = :now WHERE id = :client_id AND product_id = :id AND pending <> 0",
)
RELEASE_ALL_URIS = Statement(
    "developers.release_all_uris",
    """UPDATE client_uris SET pending = 0
    WHERE pending <> 0 AND client_id IN (SELECT id FROM clients WHERE product_id = :id)""",
)
RELEASE_ALL_CLIENTS = Statement(
    "developers.release_all_clients", "UPDATE clients SET pending = 0 WHERE product_id = :id AND pending <> 0"
)
REVIEW_NEEDED = Statement(
    "developers.review_needed",
    """SELECT p.id FROM products p WHERE p.id = :id AND (p.verified_at IS NOT NULL
      OR EXISTS (SELECT 1 FROM product_versions v WHERE v.product_id = p.id AND v.state = 'submitted'))""",
)
_CLIENT = """c.id, c.product_id, c.description, c.kind, c.auth_method, c.grant_types, c.require_pkce, c.id_token_alg,
      c.access_token_format, c.profile, c.retry_window, c.jwks, c.may_introspect_all, c.status, c.pending, c.created_at,
      c.updated_at, c.backchannel_logout_uri, c.backchannel_logout_session_required,
      p.name AS product_name, p.organization_id"""
CLIENT = Statement(
    "developers.client",
    f"""SELECT {_CLIENT} FROM clients c JOIN products p ON p.id = c.product_id
    WHERE c.id = :id AND c.status <> 'deleted' AND p.status <> 'deleted'""",
)
CLIENT_SEEN = Statement(
    "developers.client_seen",
    f"""SELECT {_CLIENT}, {SEEN_BY} FROM clients c JOIN products p ON p.id = c.product_id
      JOIN organizations o ON o.id = p.organization_id {MEMBER}
    WHERE c.id = :id AND c.status <> 'deleted' AND p.status <> 'deleted' AND {BELONGS}""",
)
CLIENT_URIS = Statement(
    "developers.client_uris", "SELECT kind, uri, pending FROM client_uris WHERE client_id = :id ORDER BY kind, position"
)
CLIENTS = Statement(
    "developers.clients",
    """SELECT c.id, c.description, c.kind, c.auth_method, c.status, c.pending, c.created_at,
      (SELECT max(s.last_used_at) FROM client_secrets s WHERE s.client_id = c.id AND s.revoked_at IS NULL)
        AS last_used_at,
      (SELECT CASE WHEN count(*) = count(s.expires_at) THEN max(s.expires_at) END FROM client_secrets s
        WHERE s.client_id = c.id AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > :now))
        AS secret_expires_at
    FROM clients c WHERE c.product_id = :product_id AND c.status <> 'deleted'
      AND (:after = '' OR (c.created_at, c.id) > (SELECT a.created_at, a.id FROM clients a WHERE a.id = :after
        AND a.product_id = :product_id))
    ORDER BY c.created_at, c.id LIMIT :limit""",
)
COUNT_CLIENTS = Statement(
    "developers.count_clients",
    "SELECT count(*) AS clients FROM clients WHERE product_id = :product_id AND status <> 'deleted'",
)
SET_CLIENT = Statement(
    "developers.set_client",
    """UPDATE clients SET description = :description, kind = :kind, auth_method = :auth_method,
      grant_types = :grant_types, require_pkce = :require_pkce, id_token_alg = :id_token_alg,
      access_token_format = :access_token_format, jwks = :jwks, backchannel_logout_uri = :backchannel_logout_uri,
      backchannel_logout_session_required = :backchannel_logout_session_required, updated_at = :now WHERE id = :id""",
)
DELETE_CLIENT = Statement(
    "developers.delete_client", "UPDATE clients SET status = 'deleted', updated_at = :now WHERE id = :id"
)
REVOKE_SECRETS = Statement(
    "developers.revoke_secrets",
    "UPDATE client_secrets SET revoked_at = :now WHERE client_id = :client_id AND revoked_at IS NULL",
)
SHORTEN_SECRETS = Statement(
    "developers.shorten_secrets",
    """UPDATE client_secrets SET expires_at = :expires_at WHERE client_id = :client_id AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > :expires_at)""",
)
SET_SECRET_EXPIRY = Statement(
    "developers.set_secret_expiry",
    """UPDATE client_secrets SET expires_at = :expires_at WHERE id = :id AND client_id = :client_id
      AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)""",
)
