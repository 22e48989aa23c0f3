"""What most tests find: two operators with subscribers, a verified product with clients, an unverified one."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialkey.base.phone import PhoneNumber
from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import AuthMethod, ClientKind, GrantType
from dialkey.directory.registration import ClientRegistration
from dialkey.directory.rules import Directory
from dialkey.subscribers.rules import Subscribers
from support.site import Registered

ACTOR = "cli:tests"
ALL_GRANTS = frozenset(GrantType)
ANNA = PhoneNumber("+46701740605")
BO = PhoneNumber("+46701740606")
NUMBERS = tuple(PhoneNumber(f"+467017406{n:02d}") for n in range(5, 60))
KARI = PhoneNumber("+447700900001")
"""A subscriber of the second operator, where the product is enabled too."""
NOBODY = PhoneNumber("+46701740699")
ELSEWHERE = PhoneNumber("+447700900900")
"""A subscriber of an operator where nothing is enabled."""


@dataclass
class World:
    nordcell: str
    fjordtel: str
    faraway: str
    organization: str
    product: str
    other_product: str
    draft_product: str
    subscriptions: dict[str, str] = field(default_factory=dict)
    """Subscription ids by number."""
    web: Registered = None  # type: ignore[assignment]
    """Confidential, client_secret_basic, all grant types."""
    post: Registered = None  # type: ignore[assignment]
    """Confidential, client_secret_post."""
    spa: Registered = None  # type: ignore[assignment]
    """Public, in a browser: PKCE."""
    native: Registered = None  # type: ignore[assignment]
    pkce: Registered = None  # type: ignore[assignment]
    """Confidential, PKCE required."""
    strict: Registered = None  # type: ignore[assignment]
    """userinfo wants `openid`."""
    jwt: Registered = None  # type: ignore[assignment]
    """RFC 9068 access tokens."""
    es256: Registered = None  # type: ignore[assignment]
    other: Registered = None  # type: ignore[assignment]
    """Of another product of the same organization."""
    draft: Registered = None  # type: ignore[assignment]
    """Of a product that nobody verified."""
    resource: Registered = None  # type: ignore[assignment]
    """A resource server: may introspect every token."""


async def make_world(directory: Directory, subscribers: Subscribers) -> World:
    await directory.put_scopes(actor=ACTOR)
    operators = [
        await directory.create_operator(
            actor=ACTOR, slug=slug, name=name, country=country, locale=locale, accent=accent, sms_sender=name,
            support=f"care@{slug}.example",
        )
        for slug, name, country, locale, accent in (
            ("nordcell", "Nordcell", "SE", "sv", "#00707a"),
            ("fjordtel", "Fjordtel", "NO", "nb", "#c2185b"),
            ("faraway", "Faraway", "GB", "en", "#333333"),
        )
    ]  # fmt: skip
    organization = await directory.create_organization(actor=ACTOR, name="VoiceBox AB")
    await directory.verify_organization(actor=ACTOR, organization_id=organization)
    products = []
    for name in ("VoiceBox", "NoteBox", "Tidbit"):
        product = await directory.create_product(
            actor=ACTOR, organization_id=organization, name=name, subtitle="Your voicemail, in one tap",
            terms_url="https://voicebox.example/terms", privacy_url="https://voicebox.example/privacy",
        )  # fmt: skip
        await directory.set_product_scopes(
            actor=ACTOR,
            product_id=product,
            required=ScopeSet(["phone", "openid", "offline_access"]),
            optional=ScopeSet(["voicemail.get", "mms.send.from_subscriber"]),
        )
        for operator in operators[:2]:
            await directory.list_product(actor=ACTOR, product_id=product, operator_id=operator)
            await directory.enable_product(actor=ACTOR, product_id=product, operator_id=operator)
        products.append(product)
    for product in products[:2]:
        await directory.verify_product(actor=ACTOR, product_id=product)
    world = World(*operators, organization, *products)

    async def client(product: str, *, redirect_uri: str = "https://app.example/cb", **options: object) -> Registered:
        values = {
            "description": "this is a test",
            "redirect_uris": (redirect_uri,),
            "post_logout_redirect_uris": ("https://app.example/signed-out",),
            "post_revoke_redirect_uris": ("https://app.example/removed",),
            "grant_types": ALL_GRANTS,
            **options,
        }
        made = await directory.create_client(
            actor=ACTOR, product_id=product, registration=ClientRegistration(**values)  # type: ignore[arg-type]
        )
        return Registered(made.client_id, made.client_secret, redirect_uri, product)

    public = {
        "auth_method": AuthMethod.NONE,
        "grant_types": frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
    }
    main = world.product
    world.web = await client(main)
    world.post = await client(main, auth_method=AuthMethod.POST)
    world.spa = await client(main, kind=ClientKind.BROWSER, redirect_uri="https://spa.example/cb", **public)
    world.native = await client(main, kind=ClientKind.NATIVE, redirect_uri="http://127.0.0.1/cb", **public)
    world.pkce = await client(main, require_pkce=True)
    world.strict = await client(main, profile="strict")
    world.jwt = await client(main, access_token_format="jwt")
    world.es256 = await client(main, id_token_alg="ES256")
    world.resource = await client(main, may_introspect_all=True)
    world.other = await client(world.other_product, redirect_uri="https://notes.example/cb")
    world.draft = await client(world.draft_product, redirect_uri="https://tidbit.example/cb")

    async def add(operator: str, number: PhoneNumber) -> None:
        made = await subscribers.add(actor=ACTOR, operator_id=operator, number=number, sandbox=True)
        world.subscriptions[number] = made.id

    for number in NUMBERS:
        await add(world.nordcell, number)
    await add(world.fjordtel, KARI)
    await add(world.faraway, ELSEWHERE)
    return world
