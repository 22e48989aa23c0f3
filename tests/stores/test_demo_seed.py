"""The demo's world: made once, found again, repaired where its secrets were lost."""

from __future__ import annotations

import stat
from ipaddress import ip_address
from pathlib import Path

import pytest

from dialkey.accounts.model import SignedIn
from dialkey.accounts.rules import Accounts
from dialkey.demo.secrets_file import read_values, write_values
from dialkey.demo.seed import FJORDTEL_NUMBERS, NORDCELL_NUMBERS, DemoWorld, seed
from dialkey.directory.rules import Directory
from dialkey.directory.store import ClientDirectory
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.store import SubscriberStore
from support.clock import ManualClock, SeededEntropy

COUNTS = Statement(
    "test.counts",
    """SELECT (SELECT count(*) FROM operators) AS operators, (SELECT count(*) FROM products) AS products,
      (SELECT count(*) FROM clients) AS clients, (SELECT count(*) FROM subscriptions) AS subscriptions,
      (SELECT count(*) FROM images) AS images, (SELECT count(*) FROM audit_events) AS events""",
)


class Seeding:
    def __init__(
        self, storage: Storage, keyring: Keyring, clock: ManualClock, entropy: SeededEntropy, folder: Path
    ) -> None:
        self.storage, self.keyring, self.clock, self.entropy, self.folder = storage, keyring, clock, entropy, folder
        self.file = folder / "demo.env"

    async def run(self, base_url: str = "http://localhost:8080") -> DemoWorld:
        settings = Settings(issuer=base_url)
        return await seed(self.storage, self.keyring, self.clock, self.entropy, settings=settings, folder=self.folder)

    async def opens(self, client_id: str, secret: str) -> bool:
        client = await ClientDirectory(self.storage, self.clock).find_client(client_id)
        digest = self.keyring.digest("client-secret", secret)
        return client is not None and digest in [live for live, _ in client.secret_digests]


@pytest.fixture
def seeding(storage: Storage, keyring: Keyring, clock: ManualClock, entropy: SeededEntropy, tmp_path: Path) -> Seeding:
    return Seeding(storage, keyring, clock, entropy, tmp_path)


async def test_the_world_is_made_once(seeding: Seeding) -> None:
    world = await seeding.run()
    counts = await seeding.storage.read.one(COUNTS)
    assert (counts.operators, counts.products, counts.clients, counts.images) == (2, 2, 2, 4)
    assert counts.subscriptions == len(NORDCELL_NUMBERS) + len(FJORDTEL_NUMBERS) == 295
    assert await seeding.run() == world
    assert await seeding.storage.read.one(COUNTS) == counts


async def test_what_the_protocol_sees_of_it(seeding: Seeding) -> None:
    world = await seeding.run()
    clients = ClientDirectory(seeding.storage, seeding.clock)
    subscribers = SubscriberStore(seeding.storage)
    main = await clients.find_client(world.main.client_id)
    tidbit = await clients.find_client(world.unverified.client_id)
    assert main and tidbit
    assert main.product.verified and main.product.organization_verified and main.product.icon_id
    assert not tidbit.product.verified and not tidbit.product.organization_verified
    assert main.redirect_uris == ("http://localhost:8080/demo/callback", "https://example.com/callback")
    assert main.post_revoke_redirect_uris == ("http://localhost:8080/demo/removed", "https://example.com/revoke")
    assert {"openid", "offline_access", "phone"} == set(main.product.required_scopes)
    anna = await subscribers.find_by_number(seeding.storage.read, NORDCELL_NUMBERS[0])
    kari = await subscribers.find_by_number(seeding.storage.read, FJORDTEL_NUMBERS[1])
    assert anna and kari and anna.sandbox and kari.sandbox
    for client, subscription, enabled in (
        (main, anna, True),
        (main, kari, True),
        (tidbit, anna, True),
        (tidbit, kari, False),
    ):
        assert await clients.enabled_at(client.product.id, subscription.operator_id) is enabled
    assert await clients.find_image(main.product.icon_id)


async def test_the_secrets_are_in_a_file_that_nobody_else_reads(seeding: Seeding) -> None:
    world = await seeding.run()
    assert stat.S_IMODE(seeding.file.stat().st_mode) == 0o600
    values = read_values(seeding.file)
    assert values["CLIENT_ID"] == world.main.client_id
    assert await seeding.opens(values["CLIENT_ID"], values["CLIENT_SECRET"])
    assert values["CLIENT_SECRET"] not in world.welcome("http://localhost:8080")
    assert world.main.client_id in world.welcome("http://localhost:8080")


async def test_a_lost_file_is_made_again_as_often_as_it_is_lost(seeding: Seeding) -> None:
    first = await seeding.run()
    for _ in range(3):
        seeding.file.unlink()
        seeding.clock.advance(seconds=2)
        again = await seeding.run()
        assert again.main.client_id == first.main.client_id
        assert await seeding.opens(again.main.client_id, again.main.client_secret)
        assert read_values(seeding.file)["CLIENT_SECRET"] == again.main.client_secret


async def test_a_revoked_secret_is_replaced(seeding: Seeding, directory: Directory) -> None:
    first = await seeding.run()
    secrets = await directory.list_secrets(first.main.client_id)
    await directory.revoke_secret(actor="cli:tests", client_id=first.main.client_id, secret_id=secrets[0].id)
    again = await seeding.run()
    assert again.main.client_secret != first.main.client_secret
    assert await seeding.opens(again.main.client_id, again.main.client_secret)
    assert again.unverified == first.unverified


async def test_another_port_is_taken_over(seeding: Seeding) -> None:
    first = await seeding.run()
    moved = await seeding.run("http://localhost:9000")
    assert moved == first
    client = await ClientDirectory(seeding.storage, seeding.clock).find_client(first.main.client_id)
    assert client and client.redirect_uris[0] == "http://localhost:9000/demo/callback"
    assert client.post_logout_redirect_uris == ("http://localhost:9000/demo",)


def test_the_file_of_secrets(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "demo.env"
    assert read_values(path) == {}
    write_values(path, {"A": "1", "B": "2"})
    path.chmod(0o644)
    write_values(path, {"A": "3", "B": ""})
    assert read_values(path) == {"A": "3", "B": ""}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("# a comment\nA=1\nB='quoted'\nlower=1\n\n")
    assert read_values(path) == {"A": "1"}


async def test_the_developer_can_sign_in_also_after_the_file_was_lost(seeding: Seeding) -> None:
    settings = Settings(issuer="http://localhost:8080")

    async def opens(world: DemoWorld) -> bool:
        mail = Mail(seeding.storage, settings, seeding.keyring, seeding.clock, seeding.entropy)
        accounts = Accounts(seeding.storage, settings, seeding.keyring, seeding.clock, seeding.entropy, mail)
        outcome = await accounts.sign_in(
            world.developer_email, world.developer_password, address=ip_address("127.0.0.1"), agent=""
        )
        return isinstance(outcome, SignedIn)

    first = await seeding.run()
    assert await opens(first)
    seeding.file.unlink()
    second = await seeding.run()
    assert second.developer_password != first.developer_password
    assert not await opens(first)
    assert await opens(second)
