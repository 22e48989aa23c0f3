"""Client secrets: random, shown once, kept as digests, two at a time, gone within a second."""

from __future__ import annotations

import asyncio

import pytest

from dialkey.directory.registration import ClientRegistration
from dialkey.storage import Statement
from dialkey.web.errors import Refusal
from support.forge import unb64
from support.site import Registered, Site, make_site


async def opens(site: Site, client: Registered, secret: str | None) -> bool:
    async with site.http() as http:
        data = {"grant_type": "client_credentials"}
        answer = await http.post("/oauth2/token", data=data, auth=(client.client_id, secret or ""))
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def test_s048_secrets_are_random(site: Site) -> None:
    registration = ClientRegistration(redirect_uris=("https://app.example/cb",))
    secrets = []
    for _ in range(8):
        made = await site.directory.create_client(
            actor="cli:tests", product_id=site.world.product, registration=registration
        )
        assert made.client_secret is not None
        secrets.append(made.client_secret)
    assert all(secret.startswith("dk_cs_") for secret in secrets), "secret scanners know them"
    contents = [unb64(secret.removeprefix("dk_cs_")) for secret in secrets]
    assert all(len(content) * 8 >= 256 for content in contents)
    for position in range(0, 32, 8):
        assert len({content[position : position + 8] for content in contents}) == len(contents)


async def test_s048_secrets_are_stored_as_keyed_digests(site: Site) -> None:
    import hashlib

    client = site.world.web
    secret = client.client_secret
    assert await opens(site, client, secret)
    row = await site.storage.read.one(
        Statement("tests.secret", "SELECT digest, hint FROM client_secrets WHERE client_id = :id"), id=client.client_id
    )
    assert row is not None
    assert row.hint == secret[-4:], "enough to tell two apart"
    for name in ("sha256", "sha512", "sha1", "md5", "blake2b"):
        digest = hashlib.new(name, secret.encode())
        assert row.digest not in (digest.hexdigest(), secret)
        assert unb64(row.digest) != digest.digest()[: len(unb64(row.digest))], "without the key nobody can try secrets"
    kept = b""
    for path in (site.settings.database.url.removeprefix("sqlite:///"),):
        for ending in ("", "-wal"):
            try:
                with open(path + ending, "rb") as file:
                    kept += file.read()
            except FileNotFoundError:
                continue
    assert client.client_id.encode() in kept, "the right file"
    for registered in vars(site.world).values():
        if isinstance(registered, Registered) and registered.client_secret:
            assert registered.client_secret.encode() not in kept
            assert registered.client_secret.removeprefix("dk_cs_")[:20].encode() not in kept


async def test_s048_secrets_are_told_once(site: Site) -> None:
    secret = site.world.web.client_secret
    for info in await site.directory.list_secrets(site.world.web.client_id):
        assert secret not in repr(info)
        assert not hasattr(info, "secret")
    client = await site.built.house.directory.find_client(site.world.web.client_id)
    assert secret not in repr(client)


async def test_s048_two_secrets_live_side_by_side(any_site: Site) -> None:
    client, directory = any_site.world.web, any_site.directory
    second = (await directory.add_secret(actor="cli:tests", client_id=client.client_id)).client_secret
    any_site.clock.advance(seconds=1)
    assert await opens(any_site, client, client.client_secret)
    assert await opens(any_site, client, second)
    with pytest.raises(Refusal, match="two_secrets"):
        await directory.add_secret(actor="cli:tests", client_id=client.client_id)


async def test_s048_no_more_than_two_however_fast(any_site: Site) -> None:
    client, directory = any_site.world.web, any_site.directory
    made = await asyncio.gather(
        *(directory.add_secret(actor="cli:tests", client_id=client.client_id) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in made) == 1
    assert len(await directory.list_secrets(client.client_id)) == 2


@pytest.mark.parametrize("which", [0, 1])
async def test_s048_a_revoked_secret_is_dead_within_a_second_everywhere(any_site: Site, which: int) -> None:
    """Both of two processes have just used it."""
    client, directory = any_site.world.web, any_site.directory
    any_site.clock.advance(seconds=1)
    second = (await directory.add_secret(actor="cli:tests", client_id=client.client_id)).client_secret
    elsewhere = make_site(
        any_site.settings, any_site.storage, any_site.keyring, any_site.clock, any_site.entropy, any_site.world
    )
    assert elsewhere.built.house.directory is not any_site.built.house.directory
    secrets = [client.client_secret, second]
    any_site.clock.advance(seconds=1)
    for process in (any_site, elsewhere):
        assert [await opens(process, client, secret) for secret in secrets] == [True, True]
    infos = await directory.list_secrets(client.client_id)
    await directory.revoke_secret(actor="cli:tests", client_id=client.client_id, secret_id=infos[which].id)
    any_site.clock.advance(seconds=1)
    for process in (any_site, elsewhere):
        assert await opens(process, client, secrets[which]) is False
        assert await opens(process, client, secrets[1 - which]) is True
    third = (await directory.add_secret(actor="cli:tests", client_id=client.client_id)).client_secret
    any_site.clock.advance(seconds=1)
    assert await opens(any_site, client, third)


async def test_s048_a_secret_ends_when_it_was_to_end(any_site: Site) -> None:
    client = any_site.world.web
    ends = any_site.clock.now() + 10_000
    made = await any_site.directory.add_secret(actor="cli:tests", client_id=client.client_id, expires_at=ends)
    any_site.clock.advance(seconds=9.999)
    assert await opens(any_site, client, made.client_secret)
    any_site.clock.advance(seconds=0.001)
    assert not await opens(any_site, client, made.client_secret), "also where it is remembered"
    assert await opens(any_site, client, client.client_secret)


async def test_s048_a_secret_cannot_be_revoked_by_naming_another_client(site: Site) -> None:
    web, other = site.world.web, site.world.other
    [info] = await site.directory.list_secrets(web.client_id)
    with pytest.raises(Refusal, match="no_such_secret"):
        await site.directory.revoke_secret(actor="cli:tests", client_id=other.client_id, secret_id=info.id)
    site.clock.advance(seconds=1)
    assert await opens(site, web, web.client_secret)


async def test_s048_public_clients_get_none(site: Site) -> None:
    assert site.world.spa.client_secret is None
    with pytest.raises(Refusal, match="no_secrets"):
        await site.directory.add_secret(actor="cli:tests", client_id=site.world.spa.client_id)
