"""/consents/v0 and /products/v0: who may see and do what, and that nobody learns who has which number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import ClientKind, GrantType
from dialkey.directory.registration import ClientRegistration
from dialkey.productapi.openapi import DOCUMENT
from dialkey.storage import Statement
from support.events import Consumer, own_token
from support.relying_party import claims_of
from support.site import Registered, Site, signed_in_tokens, userinfo
from support.world import ACTOR, ANNA, BO, ELSEWHERE, KARI, NOBODY, NUMBERS

BOTH = "subscription.consent:read subscription.consent:write"
SUBSCRIPTION = "/consents/v0/subscription"
_EVIDENCE = Statement("tests.evidence", "SELECT change, shown FROM consent_evidence ORDER BY at, id")


@dataclass
class Store:
    """An operator's own product that hands out other products."""

    site: Site
    product: str
    api: Consumer

    async def get(self, **query: str) -> Any:
        return await self.api.get(SUBSCRIPTION, **query)

    async def give(self, number: str, product: str | None = None, **more: Any) -> Any:
        body = {"phoneNumber": {"e164": number}, "productId": product or self.site.world.product, **more}
        return await self.api.post(SUBSCRIPTION, body)

    async def revoke(self, number: str, product: str | None = None) -> Any:
        body = {"phoneNumber": {"e164": number}, "productId": product or self.site.world.product}
        return await self.api.post(f"{SUBSCRIPTION}/revoke", body)


async def make_store(site: Site, *, enabled: bool = True, scopes: str = f"{BOTH} products.tenant:read") -> Store:
    product = await site.directory.create_product(
        actor=ACTOR, organization_id=site.world.organization, name="Storefront", kind="operator"
    )
    await site.directory.set_product_scopes(actor=ACTOR, product_id=product, required=ScopeSet(scopes.split()))
    registration = ClientRegistration(kind=ClientKind.MACHINE, grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}))
    made = await site.directory.create_client(actor=ACTOR, product_id=product, registration=registration)
    key = {"actor": ACTOR, "product_id": product, "operator_id": site.world.nordcell}
    await site.directory.list_product(**key)
    if enabled:
        await site.directory.enable_product(**key)
    token = await own_token(site, Registered(made.client_id, made.client_secret), scopes)
    return Store(site, product, Consumer(site, token))


@pytest.fixture
async def store(any_site: Site) -> Store:
    return await make_store(any_site)


async def test_a_consent_is_given_read_and_revoked(store: Store) -> None:
    site = store.site
    heard = await Consumer.of(site)
    await heard.poll()
    given = await store.give(ANNA, metadata={"bundle": "XL"})
    assert (given.status_code, given.json()["statusCode"]) == (201, "STATUS_CODE_OK")
    listed = (await store.get(phone_number=ANNA)).json()
    own = next(one for one in listed["consents"] if one["productId"] == site.world.product)
    assert own["revocable"] is True
    assert own["metadata"] == {"bundle": "XL"}
    assert {scope["property"] for scope in own["scopes"]} == {"phone", "openid", "offline_access"}
    assert len(own["owner"]["subscription"]["id"]["value"]) == 128
    tenant = next(one for one in listed["consents"] if one["productId"] == store.product)
    assert (tenant["owner"], tenant["revocable"]) == ({"tenant": {"name": "nordcell"}}, False)
    again = await store.give(ANNA)
    assert (again.status_code, again.json()["statusCode"]) == (409, "STATUS_CODE_NOT_ACCEPTABLE")
    visitor = site.visitor()
    back = await visitor.sign_in(site.world.web, ANNA, scope="openid phone")
    assert back.is_redirect, "nothing is asked of a subscriber whose bundle has the product"
    site.clock.advance(seconds=1)
    revoked = await store.revoke(ANNA)
    assert (revoked.status_code, revoked.json()["statusCode"]) == (200, "STATUS_CODE_OK")
    assert (await store.revoke(ANNA)).status_code == 409
    events = await heard.poll()
    assert [next(iter(event["consentChangeEvent"])) for event in events] == ["added", "revoked"]
    assert events[0]["consentChangeEvent"]["metadata"] == {"bundle": "XL"}
    assert [row.change for row in await site.storage.read.all(_EVIDENCE)] == ["given", "withdrawn"]


async def test_revoking_ends_what_stands_under_it(store: Store) -> None:
    await store.give(ANNA)
    tokens = await signed_in_tokens(store.site, store.site.world.web, ANNA)
    assert (await userinfo(store.site, tokens["access_token"])).status_code == 200
    await store.revoke(ANNA)
    assert (await userinfo(store.site, tokens["access_token"])).status_code == 401


async def test_what_the_subscriber_gave_another_product_cannot_revoke(store: Store) -> None:
    tokens = await signed_in_tokens(store.site, store.site.world.web, ANNA)
    listed = (await store.get(phone_number=ANNA)).json()["consents"]
    assert next(one for one in listed if one["productId"] == store.site.world.product)["revocable"] is False
    assert (await store.revoke(ANNA)).status_code == 409
    assert (await userinfo(store.site, tokens["access_token"])).status_code == 200


async def test_s081_numbers_out_of_reach_are_answered_alike(store: Store) -> None:
    answers = set()
    for number in (KARI, ELSEWHERE, NOBODY, "+4712345678"):
        for response in (await store.get(phone_number=number), await store.give(number), await store.revoke(number)):
            answers.add((response.status_code, response.text))
    answers.add(((await store.get(id="a" * 128)).status_code, (await store.get(id="a" * 128)).text))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 403


async def test_a_subscribers_product_reaches_who_allowed_it(site: Site) -> None:
    await site.directory.set_product_scopes(
        actor=ACTOR, product_id=site.world.product, required=["phone", "openid"], optional=["subscription.consent:read"]
    )
    site.built.house.directory.forget()
    for number, ticks in ((ANNA, {"scope:subscription.consent:read": "on"}), (BO, {})):
        visitor = site.visitor()
        await visitor.sign_in(site.world.web, number, scope="openid phone subscription.consent:read")
        await visitor.add_product(**ticks)
    api = Consumer(site, await own_token(site, site.world.web, "subscription.consent:read"))
    assert (await api.get(SUBSCRIPTION, phone_number=BO)).status_code == 403
    answer = await api.get(SUBSCRIPTION, phone_number=ANNA)
    assert answer.status_code == 200
    value = answer.json()["consents"][0]["owner"]["subscription"]["id"]["value"]
    assert (await api.get(SUBSCRIPTION, id=value)).json() == answer.json()
    site.clock.advance(seconds=1)
    known = claims_of((await signed_in_tokens(site, site.world.web, ANNA, scope="openid phone"))["id_token"])["sub"]
    assert value == known, "the id is the sub that the product knows"


async def test_scopes_are_needed(site: Site) -> None:
    store = await make_store(site, scopes="subscription.consent:read")
    assert (await store.get(phone_number=ANNA)).status_code == 200
    refused = await store.give(ANNA)
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    assert "insufficient_scope" in refused.headers["www-authenticate"]
    assert (await store.revoke(ANNA)).status_code == 403
    assert (await store.api.get("/products/v0/tenants/nordcell/products")).status_code == 403
    off = await make_store(site, enabled=False)
    assert (await off.get(phone_number=ANNA)).status_code == 403, "an operator product reaches nobody until it is enabled"


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"productId": "x"}, 400), ({"phoneNumber": {"e164": "070"}, "productId": "x"}, 400), ({"phoneNumber": {"e164": ANNA}}, 404),
     ({"phoneNumber": {"e164": ANNA}, "productId": "x"}, 404), ({"phoneNumber": {"e164": ANNA}, "id": {"value": "x"}}, 400),
     ({"phoneNumber": 7}, 400), ({"id": {}}, 400)],
)  # fmt: skip
async def test_bodies_that_make_no_sense(site: Site, body: Any, status: int) -> None:
    store = await make_store(site)
    assert (await store.api.post(SUBSCRIPTION, body)).status_code == status


@pytest.mark.parametrize("metadata", [[], {"a": 1}, {"": "x"}, {"a": "x" * 257}, {str(n): "" for n in range(21)}, "x"])
async def test_metadata_is_small(site: Site, metadata: Any) -> None:
    store = await make_store(site)
    assert (await store.give(ANNA, metadata=metadata)).status_code == 400


async def test_a_products_own_consents_by_pages(any_site: Site) -> None:
    site = any_site
    store = await make_store(site)
    for number in NUMBERS[:5]:
        assert (await store.give(number)).status_code == 201
    api = await Consumer.of(site)
    seen: list[str] = []
    token = ""
    for _ in range(4):
        page = (await api.get("/consents/v0/product", page_size=2, **({"page_token": token} if token else {}))).json()
        seen += [one["owner"]["subscription"]["id"]["value"] for one in page["consents"]]
        token = page["pagination"]["nextPageToken"]
        if not token:
            break
    assert len(seen) == len(set(seen)) == 5
    first = (await api.get("/consents/v0/product", page_size=2)).json()["pagination"]["nextPageToken"]
    other = await Consumer.of(site, site.world.other)
    for wrong in (first, "x", "1 OR 1=1"):
        caller = other if wrong == first else api
        assert (await caller.get("/consents/v0/product", page_token=wrong)).status_code == 400, "S117"
    for size in ("0", "1001", "x"):
        assert (await api.get("/consents/v0/product", page_size=size)).status_code == 400
    tenants = (await store.api.get("/consents/v0/product")).json()["consents"]
    assert [one["owner"] for one in tenants] == [{"tenant": {"name": "nordcell"}}]


async def test_the_products_of_an_operator(store: Store) -> None:
    answer = await store.api.get("/products/v0/tenants/nordcell/products")
    assert answer.status_code == 200
    names = {product["name"] for product in answer.json()["products"]}
    assert names == {"VoiceBox", "NoteBox", "Tidbit", "Storefront"}
    for tenant in ("fjordtel", "nowhere"):
        assert (await store.api.get(f"/products/v0/tenants/{tenant}/products")).status_code == 403


async def test_the_document_names_what_there_is(site: Site) -> None:
    async with site.http() as http:
        assert (await http.get("/productapi/openapi.json")).json() == DOCUMENT
    served = set()
    from dialkey.productapi.consents import ConsentRoutes
    from dialkey.productapi.products import ProductRoutes

    nothing: Any = None
    routes = [*site.built.events.routes, *ProductRoutes(nothing, nothing, "").routes]
    routes += ConsentRoutes(*[nothing] * 1, site.storage, *[nothing] * 6).routes
    for route in routes:
        served |= {(route.path, method) for method in route.methods or () if method != "HEAD"}
    told = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert told == served
