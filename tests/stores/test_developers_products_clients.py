"""Clients and their secrets in a developer's name, on both databases."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import msgspec
import pytest

from dialkey.base.clock import DAY
from dialkey.developers.access import Actor
from dialkey.developers.clients import MAX_CLIENTS, ClientDraft, ClientPatch, check_uri, defaults
from dialkey.directory.model import AuthMethod, Client, ClientKind, GrantType
from dialkey.directory.store import ClientDirectory
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy
from support.developers import Developers, make_developers

CB = "https://app.example/cb"
KEYS = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]})
TRAIL = Statement("test.trail", "SELECT tag, organization_id, subject, data FROM audit_events ORDER BY at, id")
EVERYTHING = Statement(
    "test.everything",
    "SELECT digest || hint AS text FROM client_secrets UNION ALL SELECT data || subject FROM audit_events",
)


@pytest.fixture
async def team(storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring) -> Developers:
    return await make_developers(storage, clock, entropy, keyring)


@pytest.fixture
async def product(team: Developers) -> str:
    return await team.products.create(team.developer, team.organization, name="VoiceBox")


async def refused(work: object, code: str, status: int = 409) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value


async def met(team: Developers, client_id: str) -> Client:
    client = await ClientDirectory(team.office.storage, team.office.clock).find_client(client_id)
    assert client is not None
    return client


async def test_a_client_is_what_its_kind_makes_it(team: Developers, product: str) -> None:
    made = await team.clients.create(
        team.developer, product, ClientDraft(kind=ClientKind.WEB, description=" Our site ", redirect_uris=(CB, CB, " "))
    )
    view = await team.clients.get(team.viewer, made.client_id)
    assert made.client_secret is not None and made.client_secret.startswith("dk_cs_")
    assert (view.description, [uri.uri for uri in view.redirect_uris]) == ("Our site", [CB])
    assert (view.auth_method, view.uses_secrets, view.status, view.pending) == (AuthMethod.BASIC, True, "active", False)
    assert len(view.secrets) == 1 and view.secrets[0].hint == made.client_secret[-4:]

    spa = await team.clients.create(team.developer, product, ClientDraft(kind=ClientKind.BROWSER, redirect_uris=(CB,)))
    view = await team.clients.get(team.viewer, spa.client_id)
    assert spa.client_secret is None and view.require_pkce and view.auth_method is AuthMethod.NONE
    app = ClientDraft(kind=ClientKind.NATIVE, redirect_uris=("com.example.app:/cb",))
    assert (await team.clients.create(team.developer, product, app)).client_secret is None
    machine = await team.clients.create(team.developer, product, ClientDraft(kind=ClientKind.MACHINE))
    assert (await met(team, machine.client_id)).grant_types == {GrantType.CLIENT_CREDENTIALS}
    signing = ClientDraft(kind=ClientKind.MACHINE, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=KEYS)
    assert (await team.clients.create(team.developer, product, signing)).client_secret is None
    lines = (await team.clients.list(team.viewer, product)).items
    assert {line.kind for line in lines} == set(ClientKind) and len(lines) == 5


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        ({"kind": "web"}, "redirect_uri_missing"),
        ({"kind": "web", "redirect_uris": ["http://app.example/cb"]}, "redirect_uri"),
        ({"kind": "web", "redirect_uris": ["javascript:alert(1)"]}, "redirect_uri"),
        ({"kind": "web", "redirect_uris": ["com.example.app:/cb"]}, "redirect_uri"),
        ({"kind": "web", "redirect_uris": [CB], "post_logout_redirect_uris": ["data:x"]}, "redirect_uri"),
        ({"kind": "web", "redirect_uris": [f"{CB}{n}" for n in range(21)]}, "too_many_uris"),
        ({"kind": "machine", "redirect_uris": [CB]}, "machine_redirect_uri"),
        ({"kind": "browser", "redirect_uris": [CB], "auth_method": "client_secret_basic"}, "browser_secret"),
        ({"kind": "web", "redirect_uris": [CB], "auth_method": "private_key_jwt"}, "jwks_missing"),
        ({"kind": "web", "redirect_uris": [CB], "auth_method": "private_key_jwt", "jwks": "{}"}, "jwks"),
        ({"kind": "web", "redirect_uris": [CB], "jwks": KEYS}, "jwks"),
        ({"kind": "web", "redirect_uris": [CB], "id_token_alg": "none"}, "id_token_alg"),
        ({"kind": "web", "redirect_uris": [CB], "access_token_format": "plain"}, "access_token_format"),
        ({"kind": "web", "redirect_uris": [CB], "description": "a\u202eb"}, "name_characters"),
        ({"kind": "web", "redirect_uris": [CB], "secret_expires_at": 1}, "expiry"),
    ],
)
async def test_a_client_that_cannot_be_is_refused(
    team: Developers, product: str, draft: dict[str, object], code: str
) -> None:
    wanted = msgspec.convert(draft, ClientDraft)
    await refused(team.clients.create(team.developer, product, wanted), code, 422)
    assert (await team.clients.list(team.viewer, product)).items == []


@pytest.mark.parametrize("field", ["id", "product_id", "status", "pending", "may_introspect_all", "profile", "digest",
                                   "organization_id", "secrets", "origins", "client_secret"])  # fmt: skip
@pytest.mark.parametrize("shape", [ClientDraft, ClientPatch])
def test_s109_nothing_else_of_a_client_can_be_named(shape: type, field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(json.dumps({"kind": "web", field: 1}).encode(), type=shape)


async def test_s111_what_a_patch_leaves_out_stays(team: Developers, product: str) -> None:
    draft = ClientDraft(
        kind=ClientKind.WEB, redirect_uris=(CB,), post_logout_redirect_uris=("https://app.example/out",),
        post_revoke_redirect_uris=("https://app.example/gone",), require_pkce=True, id_token_alg="ES256",
        access_token_format="jwt", auth_method=AuthMethod.POST,
    )  # fmt: skip
    client = (await team.clients.create(team.developer, product, draft)).client_id
    before = await met(team, client)
    await team.clients.update(team.developer, client, ClientPatch())
    assert await met(team, client) == before
    await team.clients.update(team.developer, client, ClientPatch(description="Changed"))
    after = await met(team, client)
    assert after.description == "Changed"
    for field in ("redirect_uris", "post_logout_redirect_uris", "post_revoke_redirect_uris", "require_pkce", "id_token_alg",
                  "access_token_format", "auth_method", "grant_types", "secret_digests", "profile"):  # fmt: skip
        assert getattr(after, field) == getattr(before, field)
    await team.clients.update(team.developer, client, ClientPatch(redirect_uris=("https://app.example/2",)))
    after = await met(team, client)
    assert after.redirect_uris == ("https://app.example/2",) and after.post_logout_redirect_uris == before.post_logout_redirect_uris
    await refused(team.clients.update(team.developer, client, ClientPatch(redirect_uris=())), "redirect_uri_missing", 422)
    refusal = await refused(
        team.clients.update(team.developer, client, ClientPatch(redirect_uris=(CB, "https://app.example/#x"))),
        "redirect_uri", 422,
    )  # fmt: skip
    assert refusal.data == {"field": "redirect_uris", "uri": "https://app.example/#x", "fault": "fragment"}
    assert (await met(team, client)).redirect_uris == ("https://app.example/2",)


async def test_a_client_that_signs_has_keys_and_no_secret(team: Developers, product: str) -> None:
    client = await team.client(product)
    update = team.clients.update
    await refused(update(team.developer, client, ClientPatch(auth_method=AuthMethod.PRIVATE_KEY_JWT)), "jwks_missing", 422)
    view = await update(team.developer, client, ClientPatch(auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=KEYS))
    assert view.jwks == KEYS and view.secrets == () and (await met(team, client)).secret_digests == ()
    await refused(team.clients.add_secret(team.developer, client), "no_secrets")
    view = await update(team.developer, client, ClientPatch(auth_method=AuthMethod.BASIC))
    assert view.jwks is None and view.secrets == ()  # the old secret does not come back
    assert (await team.clients.add_secret(team.developer, client)).client_secret is not None


async def test_s063_origins_follow_the_addresses(team: Developers, product: str, storage: Storage) -> None:
    draft = ClientDraft(kind=ClientKind.BROWSER, redirect_uris=("https://spa.example/cb",))
    client = (await team.clients.create(team.developer, product, draft)).client_id
    await team.clients.update(team.developer, client, ClientPatch(redirect_uris=("https://two.example/cb",)))
    seen = ClientDirectory(storage, team.office.clock)
    assert await seen.origin_known("https://two.example") and not await seen.origin_known("https://spa.example")
    await team.clients.delete(team.developer, client)
    seen.forget()
    assert not await seen.origin_known("https://two.example")


async def test_s108_s110_clients_of_others_do_not_exist(team: Developers, product: str) -> None:
    client = await team.client(product)
    secret = (await team.clients.list_secrets(team.viewer, client))[0].id
    reader = Actor(kind="key", id="k", organization_id=team.organization, grants=frozenset({"clients:write"}))

    def works(actor: Actor) -> list[object]:
        clients = team.clients
        return [
            clients.add_secret(actor, client),
            clients.rotate_secret(actor, client, grace=0),
            clients.set_secret_expiry(actor, client, secret, None),
            clients.revoke_secret(actor, client, secret, confirmed=True),
            clients.update(actor, client, ClientPatch(redirect_uris=("https://evil.example/",))),
            clients.set_enabled(actor, client, enabled=False),
            clients.delete(actor, client),
        ]

    for work in (*works(team.stranger), team.clients.get(team.stranger, client), team.clients.list_secrets(team.stranger, client)):
        await refused(work, "no_such_client", 404)
    for work in works(team.viewer):
        await refused(work, "role", 403)
    grants = works(reader)
    for work in grants[:4]:
        await refused(work, "grant", 403)
    for work in grants[4:]:
        work.close()  # type: ignore[attr-defined]
    draft = ClientDraft(kind=ClientKind.MACHINE)
    await refused(team.clients.create(team.stranger, product, draft), "no_such_product", 404)
    await refused(team.clients.list(team.stranger, product), "no_such_product", 404)
    await refused(team.clients.create(team.viewer, product, draft), "role", 403)
    other = await team.products.create(team.stranger, team.other_organization, name="Elsewhere")
    await refused(team.clients.create(team.developer, other, draft), "no_such_product", 404)
    await refused(team.clients.get(team.owner, "not-a-uuid"), "no_such_client", 404)
    one = await met(team, client)
    assert one.active and one.redirect_uris == (CB,) and len(one.secret_digests) == 1
    foreign = (await team.clients.create(team.stranger, other, draft)).client_id
    await refused(team.clients.revoke_secret(team.stranger, foreign, secret, confirmed=True), "no_such_secret", 404)


async def test_two_secrets_live_at_once_and_no_third(team: Developers, product: str, clock: ManualClock) -> None:
    client = await team.client(product)
    clock.advance(seconds=1)
    second = await team.clients.add_secret(team.developer, client, expires_at=clock.now() + DAY)  # type: ignore[arg-type]
    first, other = await team.clients.list_secrets(team.viewer, client)
    assert (first.expires_at, other.expires_at, other.hint) == (None, clock.now() + DAY, second.client_secret[-4:])  # type: ignore[index]
    await refused(team.clients.add_secret(team.developer, client), "two_secrets")
    await refused(team.clients.rotate_secret(team.developer, client, grace=60), "two_secrets")
    await team.clients.revoke_secret(team.developer, client, first.id)
    await refused(team.clients.revoke_secret(team.developer, client, first.id), "no_such_secret", 404)
    await refused(team.clients.revoke_secret(team.developer, client, other.id), "last_secret")
    await team.clients.set_secret_expiry(team.developer, client, other.id, None)
    await team.clients.revoke_secret(team.developer, client, other.id, confirmed=True)
    assert await team.clients.list_secrets(team.viewer, client) == []


async def test_a_third_secret_is_refused_however_many_ask_at_once(team: Developers, product: str) -> None:
    client = await team.client(product)
    outcomes = await asyncio.gather(
        *(team.clients.add_secret(team.developer, client) for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in outcomes) == 1
    assert all(isinstance(one, Refusal) and one.code == "two_secrets" for one in outcomes if isinstance(one, Exception))
    assert len((await met(team, client)).secret_digests) == 2


async def test_the_last_secret_stays_however_many_revoke_at_once(team: Developers, product: str) -> None:
    client = await team.client(product)
    await team.clients.add_secret(team.developer, client)
    one, two = await team.clients.list_secrets(team.viewer, client)
    outcomes = await asyncio.gather(
        *(team.clients.revoke_secret(team.developer, client, secret.id) for secret in (one, two)), return_exceptions=True
    )
    assert [getattr(one, "code", None) for one in outcomes if one is not None] == ["last_secret"]
    assert len(await team.clients.list_secrets(team.viewer, client)) == 1


async def test_rotation_gives_the_old_secret_its_end(team: Developers, product: str, clock: ManualClock) -> None:
    client = await team.client(product)
    (old,) = await team.clients.list_secrets(team.viewer, client)
    await refused(team.clients.rotate_secret(team.developer, client, grace=-1), "grace", 422)
    await refused(team.clients.rotate_secret(team.developer, client, grace=30 * 86400 + 1), "grace", 422)
    clock.advance(seconds=1)
    made = await team.clients.rotate_secret(team.developer, client, grace=3600)
    first, new = await team.clients.list_secrets(team.viewer, client)
    assert (first.id, first.expires_at, new.expires_at) == (old.id, clock.now() + 3_600_000, None)
    assert new.hint == made.client_secret[-4:]  # type: ignore[index]
    clock.advance(hours=2)
    assert [one.id for one in await team.clients.list_secrets(team.viewer, client)] == [new.id]
    assert len((await met(team, client)).secret_digests) == 1
    clock.advance(seconds=1)
    await team.clients.set_secret_expiry(team.developer, client, new.id, clock.now() + 60_000)  # type: ignore[arg-type]
    await team.clients.rotate_secret(team.developer, client, grace=86400)  # an earlier end stays
    assert (await team.clients.list_secrets(team.viewer, client))[0].expires_at == clock.now() + 60_000
    await team.clients.rotate_secret(team.developer, client, grace=0)
    assert len(await team.clients.list_secrets(team.viewer, client)) == 1
    await refused(team.clients.set_secret_expiry(team.developer, client, new.id, None), "no_such_secret", 404)
    live = (await team.clients.list_secrets(team.viewer, client))[0].id
    await refused(team.clients.set_secret_expiry(team.developer, client, live, clock.now()), "expiry", 422)


async def test_s119_a_secret_is_told_once_and_kept_nowhere(team: Developers, product: str, storage: Storage) -> None:
    draft = ClientDraft(kind=ClientKind.WEB, redirect_uris=(CB,))
    made = await team.clients.create(team.developer, product, draft)
    more = await team.clients.add_secret(team.developer, made.client_id)
    newest = await team.clients.rotate_secret(team.developer, made.client_id, grace=0)
    told = [one.client_secret for one in (made, more, newest)]
    view = repr(await team.clients.get(team.viewer, made.client_id)) + repr(await team.clients.list(team.viewer, product))
    kept = "\n".join(row.text for row in await storage.read.all(EVERYTHING))
    for secret in told:
        assert secret is not None and secret not in kept and secret.removeprefix("dk_cs_") not in kept + view


async def test_a_deleted_client_is_gone_at_once(team: Developers, product: str) -> None:
    client, other = await team.client(product), await team.client(product)
    await team.clients.delete(team.developer, client)
    one = await met(team, client)
    assert not one.active and one.secret_digests == ()
    await refused(team.clients.get(team.owner, client), "no_such_client", 404)
    await refused(team.clients.set_enabled(team.owner, client, enabled=True), "no_such_client", 404)
    assert [line.id for line in (await team.clients.list(team.viewer, product)).items] == [other]
    await team.clients.set_enabled(team.developer, other, enabled=False)
    assert not (await met(team, other)).active
    await team.clients.set_enabled(team.developer, other, enabled=True)
    assert (await met(team, other)).active


async def test_clients_are_paged_by_key_and_counted(
    team: Developers, product: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialkey.developers.clients.MAX_CLIENTS", 5)
    made = [await team.client(product) for _ in range(5)]
    await refused(team.clients.create(team.developer, product, ClientDraft(kind=ClientKind.MACHINE)), "too_many_clients")
    found, after = [], ""
    while True:
        page = await team.clients.list(team.viewer, product, after=after, limit=2)
        found += [one.id for one in page.items]
        if page.next is None:
            break
        after = page.next
    assert sorted(found) == sorted(made) and MAX_CLIENTS == 100


async def test_a_line_tells_when_a_client_runs_out(team: Developers, product: str, clock: ManualClock) -> None:
    client = await team.client(product)
    (line,) = (await team.clients.list(team.viewer, product)).items
    assert line.secret_expires_at is None and line.last_used_at is None
    await team.clients.rotate_secret(team.developer, client, grace=60, expires_at=clock.now() + DAY)  # type: ignore[arg-type]
    (line,) = (await team.clients.list(team.viewer, product)).items
    assert line.secret_expires_at == clock.now() + DAY


async def test_s120_every_change_of_a_client_leaves_a_line(team: Developers, product: str, storage: Storage) -> None:
    client = await team.client(product)
    await team.clients.update(team.developer, client, ClientPatch(description="x", redirect_uris=("https://two.example/",)))
    await team.clients.rotate_secret(team.developer, client, grace=60)
    (one, _) = await team.clients.list_secrets(team.viewer, client)
    await team.clients.set_secret_expiry(team.developer, client, one.id, None)
    await team.clients.revoke_secret(team.developer, client, one.id)
    await team.clients.delete(team.developer, client)
    rows = [row for row in await storage.read.all(TRAIL) if row.subject == f"client:{client}"]
    assert {row.tag for row in rows} == {"client.created", "client.changed", "client.secret_added", "client.secret_changed",
                                         "client.secret_revoked", "client.deleted"}  # fmt: skip
    assert {row.organization_id for row in rows} == {team.organization}


@pytest.mark.parametrize(
    ("uri", "kind", "fault"),
    [
        (CB, ClientKind.WEB, None),
        ("http://localhost:8080/cb", ClientKind.WEB, None),
        ("http://app.example/cb", ClientKind.WEB, "http"),
        ("https://app.example/cb#x", ClientKind.WEB, "fragment"),
        ("com.example.app:/cb", ClientKind.NATIVE, None),
        ("com.example.app:/cb", ClientKind.WEB, "scheme"),
        (CB, ClientKind.MACHINE, "machine"),
        ("", ClientKind.WEB, "length"),
    ],
)
def test_an_address_is_checked_as_it_is_typed(uri: str, kind: ClientKind, fault: str | None) -> None:
    assert check_uri("redirect", uri, client_kind=kind) == fault


@pytest.mark.parametrize("kind", list(ClientKind))
def test_what_a_kind_is_by_default_can_be_registered(kind: ClientKind) -> None:
    uris = () if kind is ClientKind.MACHINE else (CB,)
    replace(defaults(kind), redirect_uris=uris).check()
