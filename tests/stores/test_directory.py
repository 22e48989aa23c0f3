"""The directory on both databases: its rules, what they refuse, and what the protocol then sees."""

from __future__ import annotations

import asyncio
import json

import pytest

from dialkey.base.clock import HOUR, Instant
from dialkey.directory.catalogue import CATALOGUE
from dialkey.directory.model import AuthMethod, Client, ClientKind, GrantType
from dialkey.directory.rules import ClientRegistration, Directory
from dialkey.directory.store import ClientDirectory
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy

ACTOR = "cli:tests"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
TRAIL = Statement("test.trail", "SELECT tag, actor, subject, data FROM audit_events ORDER BY at, id")


@pytest.fixture
def clients(storage: Storage, clock: ManualClock) -> ClientDirectory:
    return ClientDirectory(storage, clock)


async def product_of(directory: Directory, name: str = "VoiceBox") -> str:
    await directory.put_scopes(actor=ACTOR)
    organization = await directory.create_organization(actor=ACTOR, name="VoiceBox AB")
    return await directory.create_product(actor=ACTOR, organization_id=organization, name=name)


async def operator_of(directory: Directory, slug: str = "nordcell") -> str:
    return await directory.create_operator(
        actor=ACTOR, slug=slug, name="Nordcell", country="SE", locale="sv", sms_sender="Nordcell"
    )


async def client_of(directory: Directory, product: str, **options: object) -> tuple[str, str | None]:
    values = {"redirect_uris": ("https://app.example/cb",), **options}
    made = await directory.create_client(
        actor=ACTOR,
        product_id=product,
        registration=ClientRegistration(**values),  # type: ignore[arg-type]
    )
    return made.client_id, made.client_secret


async def trail(storage: Storage) -> list[str]:
    return [row.tag for row in await storage.read.all(TRAIL)]


async def found(clients: ClientDirectory, client_id: str) -> Client:
    clients.forget()
    client = await clients.find_client(client_id)
    assert client is not None
    return client


async def refused(work: object, code: str, status: int = 422) -> None:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    assert (caught.value.status, caught.value.code) == (status, code)


async def test_a_client_comes_back_as_it_was_registered(
    directory: Directory, clients: ClientDirectory, keyring: Keyring
) -> None:
    organization = await directory.create_organization(actor=ACTOR, name="VoiceBox AB")
    await directory.verify_organization(actor=ACTOR, organization_id=organization)
    product = await directory.create_product(
        actor=ACTOR,
        organization_id=organization,
        name="VoiceBox",
        subtitle="Your voicemail, in one tap",
        price="€1 a month",
        support="help@voicebox.example",
        terms_url="https://voicebox.example/terms#short",
        privacy_url="https://voicebox.example/privacy",
    )
    await directory.verify_product(actor=ACTOR, product_id=product)
    await directory.put_scopes(actor=ACTOR)
    await directory.set_product_scopes(
        actor=ACTOR, product_id=product, required=("phone", "openid"), optional=("voicemail.get",)
    )
    client_id, secret = await client_of(
        directory,
        product,
        description="this is a test",
        redirect_uris=("https://app.example/b", "https://app.example/a", "https://app.example/b"),
        post_logout_redirect_uris=("https://app.example/out",),
        post_revoke_redirect_uris=("https://app.example/revoke",),
        id_token_alg="ES256",
        access_token_format="jwt",
        profile="strict",
        retry_window=0,
        may_introspect_all=True,
    )
    client = await clients.find_client(client_id)
    assert client is not None
    assert client.redirect_uris == ("https://app.example/b", "https://app.example/a")
    assert client.post_logout_redirect_uris == ("https://app.example/out",)
    assert client.post_revoke_redirect_uris == ("https://app.example/revoke",)
    assert client.grant_types == {GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}
    assert (client.id_token_alg, client.access_token_format, client.profile) == ("ES256", "jwt", "strict")
    assert (client.retry_window, client.may_introspect_all, client.require_pkce) == (0, True, False)
    assert (client.kind, client.auth_method, client.origins) == (ClientKind.WEB, AuthMethod.BASIC, frozenset())
    assert client.active and not client.public and not client.native
    assert secret is not None and secret.startswith("dk_cs_") and len(secret) == 49
    assert client.secret_digests == ((keyring.digest("client-secret", secret), None),)
    assert secret not in repr(client)
    assert str(client.product.required_scopes) == "openid phone"
    assert str(client.product.optional_scopes) == "voicemail.get"
    assert (client.product.sector, client.product.terms_version) == (product, 1)
    assert client.product.verified and client.product.organization_verified
    assert client.product.organization_name == "VoiceBox AB"


@pytest.mark.parametrize("client_id", ["", "x", "A" * 36, "00000000-0000-0000-0000-00000000000G", "' OR 1=1 --"])
async def test_impossible_client_ids_cost_no_statement(
    clients: ClientDirectory, storage: Storage, client_id: str
) -> None:
    before = storage.statements
    assert await clients.find_client(client_id) is None
    assert await clients.find_operator(client_id) is None
    assert await clients.find_image(client_id) is None
    assert storage.statements == before


async def test_a_client_is_remembered_for_less_than_a_second(
    directory: Directory, clients: ClientDirectory, storage: Storage, clock: ManualClock
) -> None:
    client_id, _ = await client_of(directory, await product_of(directory))
    await clients.find_client(client_id)
    before = storage.statements
    clock.advance(seconds=0.999)
    for _ in range(20):
        assert await clients.find_client(client_id)
    assert storage.statements == before
    clock.advance(seconds=0.001)
    await clients.find_client(client_id)
    assert 1 <= storage.statements - before <= 3


async def test_a_clock_that_is_set_back_does_not_keep_a_client_longer(
    directory: Directory, clients: ClientDirectory, clock: ManualClock
) -> None:
    client_id, _ = await client_of(directory, await product_of(directory))
    await clients.find_client(client_id)
    await directory.disable_client(actor=ACTOR, client_id=client_id)
    clock.advance(hours=-1)
    client = await clients.find_client(client_id)
    assert client is not None and not client.active


async def test_callers_who_miss_at_once_share_one_load(
    directory: Directory, clients: ClientDirectory, storage: Storage
) -> None:
    client_id, _ = await client_of(directory, await product_of(directory))
    before = storage.statements
    many = await asyncio.gather(*(clients.find_client(client_id) for _ in range(50)))
    assert all(client is many[0] for client in many)
    assert storage.statements - before <= 3


async def test_a_caller_who_goes_away_does_not_take_the_load_along(
    directory: Directory, clients: ClientDirectory
) -> None:
    client_id, _ = await client_of(directory, await product_of(directory))
    first = asyncio.create_task(clients.find_client(client_id))
    second = asyncio.create_task(clients.find_client(client_id))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None


async def test_unknown_clients_are_not_remembered(
    directory: Directory, clients: ClientDirectory, entropy: SeededEntropy
) -> None:
    from dialkey.base.ids import new_uuid

    for _ in range(50):
        assert await clients.find_client(new_uuid(entropy)) is None
    assert len(clients._clients) == 0


async def test_s048_a_revoked_secret_is_gone_within_a_second_and_two_can_overlap(
    directory: Directory, clients: ClientDirectory, clock: ManualClock, keyring: Keyring
) -> None:
    client_id, first = await client_of(directory, await product_of(directory))
    clock.advance(seconds=1)
    second = (await directory.add_secret(actor=ACTOR, client_id=client_id)).client_secret
    assert first and second and first != second
    digests = [keyring.digest("client-secret", secret) for secret in (first, second)]
    assert sorted(digest for digest, _ in (await found(clients, client_id)).secret_digests) == sorted(digests)
    await refused(directory.add_secret(actor=ACTOR, client_id=client_id), "two_secrets", 409)
    infos = await directory.list_secrets(client_id)
    assert [info.hint for info in infos] == [first[-4:], second[-4:]]
    await directory.revoke_secret(actor=ACTOR, client_id=client_id, secret_id=infos[0].id)
    clock.advance(seconds=1)
    client = await clients.find_client(client_id)
    assert client is not None and [digest for digest, _ in client.secret_digests] == digests[1:]
    revoke = directory.revoke_secret(actor=ACTOR, client_id=client_id, secret_id=infos[0].id)
    await refused(revoke, "no_such_secret", 404)
    assert (await directory.add_secret(actor=ACTOR, client_id=client_id)).client_secret


async def test_s048_two_secrets_are_the_most_even_for_callers_at_once(directory: Directory) -> None:
    client_id, _ = await client_of(directory, await product_of(directory))
    outcomes = await asyncio.gather(
        *(directory.add_secret(actor=ACTOR, client_id=client_id) for _ in range(6)), return_exceptions=True
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, Refusal)]) == 5
    assert len(await directory.list_secrets(client_id)) == 2


async def test_an_expired_secret_is_left_out_and_makes_room(
    directory: Directory, clients: ClientDirectory, clock: ManualClock
) -> None:
    client_id, _ = await client_of(directory, await product_of(directory))
    soon = Instant(clock.now() + HOUR)
    await directory.add_secret(actor=ACTOR, client_id=client_id, expires_at=soon)
    assert soon in [expires_at for _, expires_at in (await found(clients, client_id)).secret_digests]
    clock.advance(hours=1)
    assert [expires_at for _, expires_at in (await found(clients, client_id)).secret_digests] == [None]
    assert (await directory.add_secret(actor=ACTOR, client_id=client_id)).client_secret


async def test_a_secret_of_another_client_cannot_be_revoked(directory: Directory) -> None:
    product = await product_of(directory)
    mine, _ = await client_of(directory, product)
    theirs, _ = await client_of(directory, product)
    secret = (await directory.list_secrets(theirs))[0]
    await refused(directory.revoke_secret(actor=ACTOR, client_id=mine, secret_id=secret.id), "no_such_secret", 404)
    assert len(await directory.list_secrets(theirs)) == 1


async def test_secrets_are_stored_as_digests_only(directory: Directory, storage: Storage) -> None:
    _, secret = await client_of(directory, await product_of(directory))
    assert secret
    everything = Statement("test.secrets", "SELECT id, client_id, digest, hint FROM client_secrets")
    rows = [*await storage.read.all(everything), *await storage.read.all(TRAIL)]
    assert secret not in repr(rows) and secret[6:] not in repr(rows)


async def test_touching_a_secret_writes_once_an_hour(
    directory: Directory, keyring: Keyring, clock: ManualClock
) -> None:
    client_id, secret = await client_of(directory, await product_of(directory))
    digest = keyring.digest("client-secret", secret or "")
    used = []
    for minutes in (0, 59, 2):
        clock.advance(minutes=minutes)
        await directory.touch_secret(client_id, digest)
        used.append((await directory.list_secrets(client_id))[0].last_used_at)
    assert used[0] == used[1] != used[2] == clock.now()


async def test_disabling_a_client_or_suspending_a_product_makes_it_inactive(
    directory: Directory, clients: ClientDirectory, storage: Storage
) -> None:
    product = await product_of(directory)
    client_id, _ = await client_of(directory, product)
    await directory.disable_client(actor=ACTOR, client_id=client_id)
    await directory.disable_client(actor=ACTOR, client_id=client_id)
    assert not (await found(clients, client_id)).active
    await directory.enable_client(actor=ACTOR, client_id=client_id)
    assert (await found(clients, client_id)).active
    await directory.suspend_product(actor=ACTOR, product_id=product)
    assert not (await found(clients, client_id)).active
    await directory.resume_product(actor=ACTOR, product_id=product)
    assert (await found(clients, client_id)).active
    tags = await trail(storage)
    assert (tags.count("client.disabled"), tags.count("product.suspended")) == (1, 1)


async def test_a_product_is_enabled_where_the_operator_enabled_it(
    directory: Directory, clients: ClientDirectory
) -> None:
    product, operator = await product_of(directory), await operator_of(directory)
    other = await operator_of(directory, "fjordtel")

    async def enabled(operator_id: str) -> bool:
        clients.forget()
        return await clients.enabled_at(product, operator_id)

    key = {"actor": ACTOR, "product_id": product, "operator_id": operator}
    await refused(directory.enable_product(**key), "not_listed", 409)
    await directory.list_product(**key)
    await directory.list_product(**key)
    assert not await enabled(operator)
    assert await directory.enable_product(**key) is True
    assert await directory.enable_product(**key) is False
    assert await enabled(operator) and not await enabled(other)
    assert await directory.disable_product(**key) is True
    assert await directory.disable_product(**key) is False
    assert not await enabled(operator)


async def test_what_does_not_exist_is_refused(directory: Directory, entropy: SeededEntropy) -> None:
    product = await product_of(directory)
    nobody = "A" * 22
    registration = ClientRegistration(redirect_uris=("https://app.example/cb",))
    for work, code in (
        (directory.create_product(actor=ACTOR, organization_id=nobody, name="X"), "no_such_organization"),
        (directory.verify_organization(actor=ACTOR, organization_id=nobody), "no_such_organization"),
        (directory.set_product_scopes(actor=ACTOR, product_id=nobody, required=()), "no_such_product"),
        (directory.verify_product(actor=ACTOR, product_id=nobody), "no_such_product"),
        (directory.suspend_product(actor=ACTOR, product_id=nobody), "no_such_product"),
        (directory.list_product(actor=ACTOR, product_id=product, operator_id=nobody), "no_such_operator"),
        (
            directory.create_client(actor=ACTOR, product_id=nobody, registration=registration),
            "no_such_product",
        ),
        (directory.disable_client(actor=ACTOR, client_id=nobody), "no_such_client"),
        (directory.add_secret(actor=ACTOR, client_id=nobody), "no_such_client"),
        (directory.add_member(actor=ACTOR, organization_id=nobody, email="a@b.example"), "no_such_organization"),
    ):
        await refused(work, code, 404)


async def test_a_slug_and_a_member_are_taken_once(directory: Directory) -> None:
    await operator_of(directory)
    await refused(operator_of(directory), "slug_taken", 409)
    organization = await directory.create_organization(actor=ACTOR, name="VoiceBox AB")
    await directory.add_member(actor=ACTOR, organization_id=organization, email="Ada@Voicebox.example")
    again = directory.add_member(actor=ACTOR, organization_id=organization, email="ada@voicebox.example")
    await refused(again, "member_exists", 409)


async def test_operators_are_found_and_listed(directory: Directory, clients: ClientDirectory) -> None:
    ids = {slug: await operator_of(directory, slug) for slug in ("c-tel", "a-tel", "b-tel")}
    found_operator = await clients.find_operator(ids["a-tel"])
    assert found_operator is not None and found_operator.slug == "a-tel" and found_operator.active
    assert (await directory.find_operator_by_slug("b-tel")).id == ids["b-tel"]  # type: ignore[union-attr]
    assert await directory.find_operator_by_slug("x-tel") is None
    assert [operator.slug for operator in await directory.list_operators(limit=2)] == ["a-tel", "b-tel"]
    assert [operator.slug for operator in await directory.list_operators(after="b-tel")] == ["c-tel"]


async def test_the_scopes_of_a_product_are_replaced(directory: Directory, clients: ClientDirectory) -> None:
    product = await product_of(directory)
    client_id, _ = await client_of(directory, product)
    for required, optional in ((("phone",), ("voicemail.get",)), (("openid", "voicemail.get"), ())):
        await directory.set_product_scopes(actor=ACTOR, product_id=product, required=required, optional=optional)
        scopes = (await found(clients, client_id)).product
        assert (set(scopes.required_scopes), set(scopes.optional_scopes)) == (set(required), set(optional))
    unknown = directory.set_product_scopes(actor=ACTOR, product_id=product, required=("phone", "everything"))
    await refused(unknown, "unknown_scope")
    twice = directory.set_product_scopes(actor=ACTOR, product_id=product, required=("phone",), optional=("phone",))
    await refused(twice, "scope_twice")
    assert set((await found(clients, client_id)).product.scopes) == {"openid", "voicemail.get"}


async def test_the_catalogue_is_put_once_and_brought_up_to_date(directory: Directory, clients: ClientDirectory) -> None:
    assert await directory.put_scopes(actor=ACTOR) == len(CATALOGUE)
    assert await directory.put_scopes(actor=ACTOR) == 0
    scopes = await clients.scope_names()
    assert {"openid", "offline_access", "phone"} <= scopes == {entry.scope for entry in CATALOGUE}
    clients.forget()
    assert await clients.scope_names() is scopes


async def test_products_can_share_subjects_within_one_organization_only(
    directory: Directory, clients: ClientDirectory
) -> None:
    one = await directory.create_organization(actor=ACTOR, name="One")
    two = await directory.create_organization(actor=ACTOR, name="Two")
    first = await directory.create_product(actor=ACTOR, organization_id=one, name="First")
    second = await directory.create_product(actor=ACTOR, organization_id=one, name="Second", shares_subjects_with=first)
    client_id, _ = await client_of(directory, second)
    assert (await found(clients, client_id)).product.sector == first
    theirs = directory.create_product(actor=ACTOR, organization_id=two, name="Third", shares_subjects_with=first)
    await refused(theirs, "no_such_product", 404)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"redirect_uris": ()}, "redirect_uri_missing"),
        ({"redirect_uris": ("http://app.example/cb",)}, "redirect_uri"),
        ({"redirect_uris": ("https://app.example/cb#f",)}, "redirect_uri"),
        ({"redirect_uris": ("javascript:alert(1)",)}, "redirect_uri"),
        ({"redirect_uris": ("com.example.app:/cb",)}, "redirect_uri"),
        ({"post_logout_redirect_uris": ("data:text/html,x",)}, "redirect_uri"),
        ({"post_revoke_redirect_uris": ("https://a@b.example/",)}, "redirect_uri"),
        ({"redirect_uris": tuple(f"https://app.example/{n}" for n in range(21))}, "too_many_uris"),
        ({"grant_types": frozenset()}, "grant_types"),
        ({"grant_types": frozenset({GrantType.REFRESH_TOKEN})}, "refresh_without_code"),
        ({"kind": ClientKind.MACHINE}, "machine_grant_types"),
        (
            {"kind": ClientKind.MACHINE, "grant_types": frozenset({GrantType.CLIENT_CREDENTIALS})},
            "machine_redirect_uri",
        ),
        ({"auth_method": AuthMethod.NONE, "grant_types": frozenset(GrantType)}, "public_client_credentials"),
        ({"auth_method": AuthMethod.NONE, "may_introspect_all": True}, "public_client_introspects"),
        ({"kind": ClientKind.BROWSER}, "browser_secret"),
        ({"id_token_alg": "HS256"}, "id_token_alg"),
        ({"id_token_alg": "none"}, "id_token_alg"),
        ({"access_token_format": "xml"}, "access_token_format"),
        ({"profile": "loose"}, "profile"),
        ({"retry_window": -1}, "retry_window"),
        ({"auth_method": AuthMethod.PRIVATE_KEY_JWT}, "jwks_missing"),
        ({"auth_method": AuthMethod.PRIVATE_KEY_JWT, "jwks": "{}"}, "jwks"),
        ({"auth_method": AuthMethod.PRIVATE_KEY_JWT, "jwks": '{"keys":[{"kty":"oct","k":"x"}]}'}, "jwks"),
        ({"auth_method": AuthMethod.PRIVATE_KEY_JWT, "jwks": '{"keys":[{"kty":"EC","d":"x"}]}'}, "jwks"),
        ({"auth_method": AuthMethod.PRIVATE_KEY_JWT, "jwks": "[" * 9999}, "jwks"),
        ({"jwks": '{"keys":[{"kty":"EC"}]}'}, "jwks"),
        ({"description": "a\u202eb"}, "name_characters"),
    ],
)
async def test_a_client_that_cannot_be_safe_is_refused(options: dict[str, object], code: str) -> None:
    values = {"redirect_uris": ("https://app.example/cb",), **options}
    with pytest.raises(Refusal) as caught:
        ClientRegistration(**values).check()  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.code) == (422, code)


async def test_s068_hs256_id_tokens_are_refused_at_registration(directory: Directory) -> None:
    product = await product_of(directory)
    await refused(client_of(directory, product, id_token_alg="HS256"), "id_token_alg")
    assert await directory.list_clients(product) == []


async def test_s040_public_and_native_clients_always_need_pkce(directory: Directory, clients: ClientDirectory) -> None:
    product = await product_of(directory)
    for options in (
        {"kind": ClientKind.BROWSER, "auth_method": AuthMethod.NONE},
        {"kind": ClientKind.NATIVE, "auth_method": AuthMethod.NONE, "redirect_uris": ("com.example.app:/cb",)},
        {"kind": ClientKind.NATIVE},
        {"auth_method": AuthMethod.NONE},
        {"require_pkce": True},
    ):
        client_id, secret = await client_of(directory, product, **options)
        client = await found(clients, client_id)
        assert client.require_pkce
        assert (secret is None) == client.public == (client.secret_digests == ())


async def test_a_machine_client_has_a_secret_and_no_addresses(directory: Directory, clients: ClientDirectory) -> None:
    client_id, secret = await client_of(
        directory,
        await product_of(directory),
        kind=ClientKind.MACHINE,
        grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}),
        redirect_uris=(),
    )
    assert secret and (await found(clients, client_id)).redirect_uris == ()


async def test_a_client_with_keys_has_no_secret(directory: Directory, clients: ClientDirectory) -> None:
    jwks = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]})
    client_id, secret = await client_of(
        directory, await product_of(directory), auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=jwks
    )
    assert secret is None and (await found(clients, client_id)).jwks == jwks
    await refused(directory.add_secret(actor=ACTOR, client_id=client_id), "no_secrets", 409)


async def test_origins_are_those_of_public_clients(directory: Directory, clients: ClientDirectory) -> None:
    product = await product_of(directory)
    public = {"kind": ClientKind.BROWSER, "auth_method": AuthMethod.NONE}
    uris = ("https://spa.example/cb", "https://spa.example/other", "http://localhost:3000/cb")
    spa, _ = await client_of(directory, product, redirect_uris=uris, **public)
    await client_of(directory, product, redirect_uris=uris[:1], **public)
    await client_of(directory, product, redirect_uris=("https://server.example/cb",))
    assert (await found(clients, spa)).origins == {"https://spa.example", "http://localhost:3000"}
    assert await clients.origin_known("https://spa.example")
    assert await clients.origin_known("http://localhost:3000")
    for origin in ("https://server.example", "https://spa.example:443", "null", "", "https://" + "a" * 400):
        assert not await clients.origin_known(origin)


async def test_the_addresses_of_a_client_are_replaced(directory: Directory, clients: ClientDirectory) -> None:
    public = {"kind": ClientKind.BROWSER, "auth_method": AuthMethod.NONE}
    client_id, _ = await client_of(directory, await product_of(directory), **public)
    await directory.set_client_uris(
        actor=ACTOR,
        client_id=client_id,
        redirect_uris=("https://new.example/cb",),
        post_logout_redirect_uris=("https://new.example/out",),
    )
    client = await found(clients, client_id)
    assert (client.redirect_uris, client.origins) == (("https://new.example/cb",), {"https://new.example"})
    assert not await clients.origin_known("https://app.example")
    for uris in ((), ("http://new.example/cb",), ("com.example.app:/cb",)):
        with pytest.raises(Refusal):
            await directory.set_client_uris(actor=ACTOR, client_id=client_id, redirect_uris=uris)
    assert (await found(clients, client_id)).redirect_uris == ("https://new.example/cb",)


async def test_an_assertion_is_spent_once(clients: ClientDirectory, storage: Storage, clock: ManualClock) -> None:
    async def spend(client_id: str, jti: str) -> bool:
        return await storage.write(lambda writer: clients.spend_assertion(writer, client_id, jti, clock.now()))

    outcomes = await asyncio.gather(*(spend("a", "one") for _ in range(10)))
    assert sorted(outcomes) == [False] * 9 + [True]
    assert await spend("b", "one")
    assert await spend("a", "two")


async def test_images_are_png_and_named_by_their_content(directory: Directory, clients: ClientDirectory) -> None:
    name = await directory.add_image(content=PNG)
    assert await directory.add_image(content=PNG) == name
    image = await clients.find_image(name)
    assert image is not None and (image.media_type, image.content) == ("image/png", PNG)
    assert await clients.find_image("0" * 32) is None
    await refused(directory.add_image(content=b"<svg/>"), "image_type")
    await refused(directory.add_image(content=PNG, media_type="image/svg+xml"), "image_type")
    await refused(directory.add_image(content=PNG + bytes(300_000)), "image_size")


async def test_s025_names_that_deceive_are_refused_everywhere(directory: Directory) -> None:
    organization = await directory.create_organization(actor=ACTOR, name="VoiceBox AB")
    await refused(directory.create_organization(actor=ACTOR, name="Voice\u200bBox"), "name_characters")
    for name in ("VoiceBox\u202egpj", "V\u043eiceBox", "Voice\u2066Box"):
        with pytest.raises(Refusal):
            await directory.create_product(actor=ACTOR, organization_id=organization, name=name)
    for link in ("http://voicebox.example", "javascript:alert(1)", "https://a@b.example", "//voicebox.example"):
        work = directory.create_product(actor=ACTOR, organization_id=organization, name="X", terms_url=link)
        await refused(work, "link")
    bad_support = directory.create_product(
        actor=ACTOR, organization_id=organization, name="X", support="javascript:alert(1)"
    )
    await refused(bad_support, "support")
    await refused(directory.create_product(actor=ACTOR, organization_id=organization, name="X", accent="red"), "accent")


async def test_every_change_leaves_one_line_in_the_trail_and_a_refused_one_none(
    directory: Directory, storage: Storage
) -> None:
    product, operator = await product_of(directory), await operator_of(directory)
    client_id, _ = await client_of(directory, product)
    key = {"actor": ACTOR, "product_id": product, "operator_id": operator}
    await directory.list_product(**key)
    await directory.enable_product(**key)
    await directory.disable_product(**key)
    await directory.add_secret(actor=ACTOR, client_id=client_id)
    before = sorted(await trail(storage))
    assert before == sorted(
        [
            "scopes.changed",
            "organization.created",
            "product.created",
            "operator.created",
            "client.created",
            "product.listed",
            "product.enabled",
            "product.disabled",
            "client.secret_added",
        ]
    )
    with pytest.raises(Refusal):
        await directory.add_secret(actor=ACTOR, client_id=client_id)
    with pytest.raises(Refusal):
        await directory.set_product_scopes(actor=ACTOR, product_id=product, required=("nonsense",))
    assert sorted(await trail(storage)) == before
    assert {row.actor for row in await storage.read.all(TRAIL)} == {ACTOR}
