"""The directory's SQL, and `ClientDirectory`: what the protocol looks up on every request."""

from __future__ import annotations

from collections.abc import Iterable

from dialkey.base.clock import Clock, Instant
from dialkey.base.ids import looks_like_id, looks_like_uuid
from dialkey.base.scopes import ScopeSet
from dialkey.directory.cache import RecentCache
from dialkey.directory.images import Image, looks_like_image_id
from dialkey.directory.model import AuthMethod, Client, ClientKind, GrantType, Operator, Product
from dialkey.storage import Row, Statement, Storage, Writer

REDIRECT, POST_LOGOUT, POST_REVOKE = "redirect", "post_logout", "post_revoke"
"""Kinds of a client's addresses."""
_PENDING = "pending "
"""Stands before the kind of an address that waits for approval."""

# what the protocol reads

_CLIENT = Statement(
    "clients.find",
    """SELECT {ordinal} c.id, c.description, c.kind, c.auth_method, c.grant_types, c.require_pkce, c.id_token_alg,
      c.access_token_format, c.profile, c.retry_window, c.jwks, c.may_introspect_all, c.status, c.pending,
      c.backchannel_logout_uri, c.backchannel_logout_session_required,
      c.product_id, p.organization_id, p.sector, p.name, p.subtitle, p.price, p.accent, p.icon_id, p.support, p.terms_url,
      p.privacy_url, p.terms_version, p.status AS product_status, p.verified_at,
      o.name AS organization_name, o.verified_at AS organization_verified_at, o.deleted_at AS organization_deleted_at
    FROM {join_batch} clients c JOIN products p ON p.id = c.product_id JOIN organizations o ON o.id = p.organization_id
    WHERE c.id = v.id""",
    batch={"id": "text"},
)
_PRODUCT_WHOLE = Statement(
    "products.whole",
    """SELECT p.id AS product_id, p.organization_id, p.sector, p.name, p.subtitle, p.price, p.accent, p.icon_id, p.support,
      p.terms_url, p.privacy_url, p.terms_version, p.status AS product_status, p.verified_at,
      o.name AS organization_name, o.verified_at AS organization_verified_at
    FROM products p JOIN organizations o ON o.id = p.organization_id AND o.deleted_at IS NULL WHERE p.id = :id""",
)
_SCOPES_OF_PRODUCT = Statement(
    "products.scopes",
    """SELECT 'scope' AS part, s.scope AS word, s.optional AS place FROM product_scopes s WHERE s.product_id = :product_id
    ORDER BY s.optional, s.scope""",
)
_PARTS = Statement(
    "clients.parts",
    """SELECT 'uri' AS part, CASE pending WHEN 0 THEN kind ELSE 'pending ' || kind END AS kind, uri AS word,
      position AS place FROM client_uris WHERE client_id = :id
    UNION ALL SELECT 'origin', '', origin, 0 FROM client_origins WHERE client_id = :id
    UNION ALL SELECT 'scope', '', s.scope, s.optional FROM product_scopes s WHERE s.product_id = :product_id
    UNION ALL SELECT 'secret', '', digest, expires_at FROM client_secrets
      WHERE client_id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
    ORDER BY part, place, word""",
)
_OPERATOR = Statement(
    "operators.find",
    """SELECT {ordinal} o.id, o.slug, o.name, o.country, o.locale, o.accent, o.icon_id, o.support, o.sms_sender,
      o.status
    FROM {join_batch} operators o WHERE o.id = v.id""",
    batch={"id": "text"},
)
_ENABLED = Statement(
    "listings.enabled",
    """SELECT {ordinal} l.enabled_at FROM {join_batch} listings l JOIN operators o ON o.id = l.operator_id
    WHERE l.product_id = v.product_id AND l.operator_id = v.operator_id AND l.enabled_at IS NOT NULL
      AND o.status = 'active'""",
    batch={"product_id": "text", "operator_id": "text"},
)
_COUNTRIES = Statement(
    "listings.countries",
    """SELECT o.country FROM listings l JOIN operators o ON o.id = l.operator_id
    WHERE l.product_id = :product_id AND l.enabled_at IS NOT NULL AND o.status = 'active'
    GROUP BY o.country ORDER BY min(l.listed_at), o.country LIMIT 50""",
)
_ORIGIN = Statement(
    "clients.origin",
    """SELECT {ordinal} c.origin FROM {join_batch} client_origins c WHERE c.origin = v.origin
      AND c.client_id = (SELECT min(o.client_id) FROM client_origins o WHERE o.origin = v.origin)""",
    batch={"origin": "text"},
)
_IMAGE = Statement(
    "images.find",
    "SELECT {ordinal} i.id, i.media_type, i.content FROM {join_batch} images i WHERE i.id = v.id",
    batch={"id": "text"},
)
_SPEND_ASSERTION = Statement(
    "assertions.spend",
    """INSERT INTO client_assertions (client_id, jti, expires_at) VALUES (:client_id, :jti, :expires_at)
    ON CONFLICT DO NOTHING""",
)

# what the rules read and change

ADD_OPERATOR = Statement(
    "operators.add",
    """INSERT INTO operators (id, slug, name, country, locale, accent, icon_id, support, sms_sender, status, created_at)
    VALUES (:id, :slug, :name, :country, :locale, :accent, :icon_id, :support, :sms_sender, 'active', :now)""",
)
OPERATOR_BY_SLUG = Statement(
    "operators.by_slug",
    """SELECT id, slug, name, country, locale, accent, icon_id, support, sms_sender, status FROM operators
    WHERE slug = :slug""",
)
ALL_OPERATORS = Statement(
    "operators.all",
    """SELECT id, slug, name, country, locale, accent, icon_id, support, sms_sender, status FROM operators
    WHERE slug > :after ORDER BY slug LIMIT :limit""",
)
OPERATOR_STATUS = Statement("operators.status", "SELECT status FROM operators WHERE id = :id")
ADD_ORGANIZATION = Statement(
    "organizations.add",
    "INSERT INTO organizations (id, name, verified_at, created_at) VALUES (:id, :name, NULL, :now)",
)
VERIFY_ORGANIZATION = Statement(
    "organizations.verify",
    "UPDATE organizations SET verified_at = :now WHERE id = :id AND verified_at IS NULL",
)
ORGANIZATION = Statement("organizations.find", "SELECT id, name, verified_at FROM organizations WHERE id = :id")
ORGANIZATION_BY_NAME = Statement(
    "organizations.by_name", "SELECT id FROM organizations WHERE name = :name ORDER BY created_at, id"
)
ADD_MEMBER = Statement(
    "members.add",
    """INSERT INTO members (id, organization_id, email, role, created_at)
    VALUES (:id, :organization_id, :email, :role, :now)""",
)
ADD_ACCOUNT = Statement(
    "members.add_account",
    """INSERT INTO members (id, organization_id, email, account_id, role, created_at)
    VALUES (:id, :organization_id, :account_id, :account_id, :role, :now)""",
)
ADD_PRODUCT = Statement(
    "products.add",
    """INSERT INTO products (id, organization_id, kind, sector, name, subtitle, price, accent, icon_id, support,
      product_url, terms_url, privacy_url, terms_version, status, verified_at, created_at, updated_at)
    VALUES (:id, :organization_id, :kind, :sector, :name, :subtitle, :price, :accent, :icon_id, :support,
      :product_url, :terms_url, :privacy_url, 1, 'active', NULL, :now, :now)""",
)
PRODUCT = Statement(
    "products.find", "SELECT id, organization_id, sector, name, status, verified_at FROM products WHERE id = :id"
)
PRODUCT_BY_NAME = Statement(
    "products.by_name",
    """SELECT id FROM products WHERE organization_id = :organization_id AND name = :name AND status <> 'deleted'
    ORDER BY created_at, id""",
)
TOUCH_PRODUCT = Statement(
    "products.touch",
    """UPDATE products SET updated_at = :now WHERE id = :id AND status <> 'deleted'
    RETURNING id, organization_id, status""",
)
SET_PRODUCT_STATUS = Statement(
    "products.set_status",
    """UPDATE products SET status = :status, updated_at = :now WHERE id = :id AND status <> :status
    RETURNING organization_id""",
)
VERIFY_PRODUCT = Statement(
    "products.verify",
    """UPDATE products SET verified_at = :now, updated_at = :now WHERE id = :id AND verified_at IS NULL
    RETURNING organization_id""",
)
PUT_SCOPE = Statement(
    "scopes.put",
    """INSERT INTO scopes (scope, category, description, audience, subscriber_facing)
    VALUES (:scope, :category, :description, :audience, :subscriber_facing)
    ON CONFLICT (scope) DO UPDATE SET category = excluded.category, description = excluded.description,
      audience = excluded.audience, subscriber_facing = excluded.subscriber_facing
    WHERE scopes.category <> excluded.category OR scopes.description <> excluded.description
      OR scopes.audience <> excluded.audience OR scopes.subscriber_facing <> excluded.subscriber_facing""",
)
SCOPE_NAMES = Statement("scopes.names", "SELECT scope, audience FROM scopes")
DROP_PRODUCT_SCOPES = Statement("products.drop_scopes", "DELETE FROM product_scopes WHERE product_id = :product_id")
ADD_PRODUCT_SCOPE = Statement(
    "products.add_scope",
    "INSERT INTO product_scopes (product_id, scope, optional) VALUES (:product_id, :scope, :optional)",
)
ADD_LISTING = Statement(
    "listings.add",
    """INSERT INTO listings (product_id, operator_id, listed_at, enabled_at)
    VALUES (:product_id, :operator_id, :now, NULL) ON CONFLICT DO NOTHING""",
)
OFFERED_TO_ALL = Statement(
    "products.offered_to_all",
    "SELECT id FROM products WHERE id = :product_id AND availability = 'full' AND status = 'active'",
)
LISTING = Statement(
    "listings.find",
    "SELECT enabled_at FROM listings WHERE product_id = :product_id AND operator_id = :operator_id",
)
ENABLE_LISTING = Statement(
    "listings.enable",
    """UPDATE listings SET enabled_at = :now
    WHERE product_id = :product_id AND operator_id = :operator_id AND enabled_at IS NULL""",
)
DISABLE_LISTING = Statement(
    "listings.disable",
    """UPDATE listings SET enabled_at = NULL
    WHERE product_id = :product_id AND operator_id = :operator_id AND enabled_at IS NOT NULL""",
)
ADD_CLIENT = Statement(
    "clients.add",
    """INSERT INTO clients (id, product_id, description, kind, auth_method, grant_types, require_pkce, id_token_alg,
      access_token_format, profile, retry_window, jwks, may_introspect_all, pending, backchannel_logout_uri,
      backchannel_logout_session_required, status, created_at, updated_at)
    VALUES (:id, :product_id, :description, :kind, :auth_method, :grant_types, :require_pkce, :id_token_alg,
      :access_token_format, :profile, :retry_window, :jwks, :may_introspect_all, :pending, :backchannel_logout_uri,
      :backchannel_logout_session_required, 'active', :now, :now)""",
)
TOUCH_CLIENT = Statement(
    "clients.touch",
    """UPDATE clients SET updated_at = :now WHERE id = :id AND status <> 'deleted'
    RETURNING id, auth_method, product_id""",
)
SET_CLIENT_STATUS = Statement(
    "clients.set_status",
    "UPDATE clients SET status = :status, updated_at = :now WHERE id = :id AND status <> :status",
)
CLIENTS_OF_PRODUCT = Statement(
    "clients.of_product",
    "SELECT id FROM clients WHERE product_id = :product_id AND status <> 'deleted' ORDER BY created_at, id",
)
REGISTRATION = Statement("clients.registration", "SELECT kind, auth_method, grant_types FROM clients WHERE id = :id")
SET_CLIENT_KEYS = Statement(
    "clients.set_keys", "UPDATE clients SET jwks = :jwks, updated_at = :now WHERE id = :id"
)
DROP_CLIENT_URIS = Statement("clients.drop_uris", "DELETE FROM client_uris WHERE client_id = :client_id")
DROP_CLIENT_ORIGINS = Statement("clients.drop_origins", "DELETE FROM client_origins WHERE client_id = :client_id")
ADD_CLIENT_URI = Statement(
    "clients.add_uri",
    """INSERT INTO client_uris (client_id, kind, uri, position, pending)
    VALUES (:client_id, :kind, :uri, :position, :pending)""",
)
ADD_CLIENT_ORIGIN = Statement(
    "clients.add_origin", "INSERT INTO client_origins (origin, client_id) VALUES (:origin, :client_id)"
)
ADD_SECRET = Statement(
    "secrets_of_clients.add",
    """INSERT INTO client_secrets (id, client_id, digest, hint, created_at, expires_at, revoked_at, last_used_at)
    VALUES (:id, :client_id, :digest, :hint, :now, :expires_at, NULL, NULL)""",
)
LIVE_SECRETS = Statement(
    "secrets_of_clients.live",
    """SELECT id, hint, created_at, expires_at, last_used_at FROM client_secrets
    WHERE client_id = :client_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
    ORDER BY created_at, id""",
)
REVOKE_SECRET = Statement(
    "secrets_of_clients.revoke",
    "UPDATE client_secrets SET revoked_at = :now WHERE id = :id AND client_id = :client_id AND revoked_at IS NULL",
)
TOUCH_SECRET = Statement(
    "secrets_of_clients.touch",
    """UPDATE client_secrets SET last_used_at = :now
    WHERE client_id = :client_id AND digest = :digest AND (last_used_at IS NULL OR last_used_at < :before)""",
)
ADD_IMAGE = Statement(
    "images.add",
    """INSERT INTO images (id, media_type, content, created_at) VALUES (:id, :media_type, :content, :now)
    ON CONFLICT DO NOTHING""",
)


class ClientDirectory:
    """Clients, operators and listings for the protocol.

    They are remembered for at most a second in each process: a revoked secret, a disabled client or a
    suspended product is noticed everywhere within that time. So are listings and the scope catalogue; countries
    for a minute.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._clients: RecentCache[Client] = RecentCache(self._load_client, clock=clock)
        self._operators: RecentCache[Operator] = RecentCache(self._load_operator, clock=clock)
        self._origins: RecentCache[bool] = RecentCache(self._load_origin, clock=clock)
        self._listings: RecentCache[bool] = RecentCache(self._load_listing, clock=clock)
        self._scopes: RecentCache[frozenset[str]] = RecentCache(self._load_scopes, clock=clock)
        self._countries: RecentCache[tuple[str, ...]] = RecentCache(self._load_countries, clock=clock, lifetime=60_000)
        self._last_scopes: frozenset[str] = frozenset()
        self._audiences: dict[str, str] = {}

    async def find_client(self, client_id: str) -> Client | None:
        """The client with its product and live secrets; `active` only where both client and product are."""
        return await self._clients.get(client_id) if looks_like_uuid(client_id) else None

    async def find_product(self, product_id: str) -> Product | None:
        """As it is now, whoever asks."""
        row = await self._storage.read.one(_PRODUCT_WHOLE, id=product_id) if looks_like_id(product_id) else None
        if row is None:
            return None
        return _product(row, await self._storage.read.all(_SCOPES_OF_PRODUCT, product_id=product_id))

    async def find_operator(self, operator_id: str) -> Operator | None:
        return await self._operators.get(operator_id) if looks_like_id(operator_id) else None

    async def enabled_at(self, product_id: str, operator_id: str) -> bool:
        """True while the operator, itself active, has the product enabled for its subscribers."""
        return bool(await self._listings.get(f"{product_id} {operator_id}"))

    async def countries(self, product_id: str) -> tuple[str, ...]:
        """Where the product's operators are (ISO 3166-1 alpha-2), the first that listed it first."""
        return await self._countries.get(product_id) or ()

    async def scope_names(self) -> frozenset[str]:
        """Every scope of the catalogue; the same object until the catalogue changes."""
        names = await self._scopes.get("")
        assert names is not None
        return names

    async def audiences(self, scopes: Iterable[str]) -> set[str]:
        """The APIs that serve these scopes, as tokens name them (RFC 9068 section 3)."""
        await self.scope_names()
        return {self._audiences[scope] for scope in scopes if scope in self._audiences}

    async def origin_known(self, origin: str) -> bool:
        """True where a public client is served from this web origin."""
        return 0 < len(origin) <= 300 and bool(await self._origins.get(origin))

    async def find_image(self, image_id: str) -> Image | None:
        if not looks_like_image_id(image_id):
            return None
        row = await self._storage.find(_IMAGE, id=image_id)
        return None if row is None else Image(row.id, row.media_type, bytes(row.content))

    async def spend_assertion(self, writer: Writer, client_id: str, jti: str, expires_at: Instant) -> bool:
        """True the first time that this client presents this `jti` (RFC 7523 section 3, item 7)."""
        return await writer.run(_SPEND_ASSERTION, client_id=client_id, jti=jti, expires_at=expires_at) == 1

    def forget(self) -> None:
        """Empties what is remembered."""
        self._clients.forget()
        self._operators.forget()
        self._origins.forget()
        self._listings.forget()
        self._scopes.forget()
        self._countries.forget()

    async def _load_client(self, client_id: str) -> Client | None:
        now = self._clock.now()
        row = await self._storage.find(_CLIENT, id=client_id)
        if row is None:
            return None
        parts = await self._storage.read.all(_PARTS, id=client_id, product_id=row.product_id, now=now)
        return _client(row, parts)

    async def _load_operator(self, operator_id: str) -> Operator | None:
        row = await self._storage.find(_OPERATOR, id=operator_id)
        return None if row is None else operator(row)

    async def _load_listing(self, pair: str) -> bool:
        product_id, _, operator_id = pair.partition(" ")
        return await self._storage.find(_ENABLED, product_id=product_id, operator_id=operator_id) is not None

    async def _load_countries(self, product_id: str) -> tuple[str, ...] | None:
        """None, which is not remembered, where no operator has the product: the first one is noticed at once."""
        return tuple(row.country for row in await self._storage.read.all(_COUNTRIES, product_id=product_id)) or None

    async def _load_scopes(self, _: str) -> frozenset[str]:
        self._audiences = {row.scope: row.audience for row in await self._storage.read.all(SCOPE_NAMES)}
        names = frozenset(self._audiences)
        if names != self._last_scopes:
            self._last_scopes = names
        return self._last_scopes

    async def _load_origin(self, origin: str) -> bool | None:
        return await self._storage.find(_ORIGIN, origin=origin) is not None or None


def operator(row: Row) -> Operator:
    """From a row to the value."""
    return Operator(
        id=row.id,
        slug=row.slug,
        name=row.name,
        country=row.country,
        locale=row.locale,
        accent=row.accent,
        icon_id=row.icon_id,
        support=row.support,
        sms_sender=row.sms_sender,
        active=row.status == "active",
    )


def _product(row: Row, parts: list[Row]) -> Product:
    return Product(
        id=row.product_id,
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        organization_verified=row.organization_verified_at is not None,
        sector=row.sector,
        name=row.name,
        subtitle=row.subtitle,
        price=row.price,
        accent=row.accent,
        icon_id=row.icon_id,
        support=row.support,
        terms_url=row.terms_url,
        privacy_url=row.privacy_url,
        terms_version=row.terms_version,
        active=row.product_status == "active",
        verified=row.verified_at is not None,
        required_scopes=ScopeSet(part.word for part in parts if part.part == "scope" and not part.place),
        optional_scopes=ScopeSet(part.word for part in parts if part.part == "scope" and part.place),
    )


def _client(row: Row, parts: list[Row]) -> Client:
    def uris(kind: str) -> tuple[str, ...]:
        return tuple(part.word for part in parts if part.part == "uri" and part.kind == kind)

    product = _product(row, parts)
    grant_types = frozenset(map(GrantType, row.grant_types.split()))
    return Client(
        id=row.id,
        product=product,
        description=row.description,
        kind=ClientKind(row.kind),
        auth_method=AuthMethod(row.auth_method),
        grant_types=grant_types - {GrantType.CLIENT_CREDENTIALS} if row.pending else grant_types,
        redirect_uris=uris(REDIRECT),
        post_logout_redirect_uris=uris(POST_LOGOUT),
        post_revoke_redirect_uris=uris(POST_REVOKE),
        origins=frozenset(part.word for part in parts if part.part == "origin"),
        require_pkce=bool(row.require_pkce),
        id_token_alg=row.id_token_alg,
        access_token_format=row.access_token_format,
        profile=row.profile,
        retry_window=row.retry_window,
        jwks=row.jwks,
        may_introspect_all=bool(row.may_introspect_all),
        secret_digests=tuple((part.word, part.place) for part in parts if part.part == "secret"),
        active=row.status == "active" and product.active and row.organization_deleted_at is None,
        pending=bool(row.pending),
        pending_redirect_uris=uris(_PENDING + REDIRECT),
        backchannel_logout_uri=row.backchannel_logout_uri,
        backchannel_logout_session_required=bool(row.backchannel_logout_session_required),
    )
