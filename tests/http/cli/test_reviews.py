"""`dialkey reviews` and `dialkey products`: from what was handed in to what is live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dialkey.base.clock import SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.developers.content import ProductPatch, ProductView
from dialkey.settings import Database, Keys
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from support.developers import Developers, make_developers
from support.process import MASTER, command, environment

T = TypeVar("T")


class Installation:
    """A migrated database that the command and the test both open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path / 'd.sqlite3'}"
        self.config = path / "dialkey.toml"
        self.config.write_text(f'issuer = "http://localhost:8080"\n[database]\nurl = "{self.url}"\n')
        assert self.run("migrate")[0] == 0

    def run(self, *arguments: str) -> tuple[int, str]:
        done = command(*arguments, "--config", str(self.config), environ=environment(), cwd=self.path)
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    def work(self, work: Callable[[Developers], Awaitable[T]]) -> T:
        async def whole() -> T:
            storage = await open_storage(Database(url=self.url))
            try:
                keyring = await open_keyring(storage, Keys(master_key=MASTER))
                return await work(await make_developers(storage, SystemClock(), SystemEntropy(), keyring))
            finally:
                await storage.close()

        return asyncio.run(whole())


def test_from_handed_in_to_live(tmp_path: Path) -> None:
    here = Installation(tmp_path)
    assert here.run("reviews", "list") == (0, "nothing waits for review\n")
    people: list[Developers] = []

    async def hand_in(team: Developers) -> str:
        people.append(team)
        product = await team.ready()
        await team.versions.submit(team.developer, product, note="Please look")
        return product

    product = here.work(hand_in)
    status, listed = here.run("reviews", "list")
    assert status == 0 and product in listed and "VoiceBox  by VoiceBox AB  (first)" in listed
    status, shown = here.run("reviews", "show", product)
    assert status == 0 and "note: Please look" in shown and "redirect_uris: https://app.example/cb" in shown
    assert "terms_url: https://voicebox.example/terms" in shown
    assert here.run("reviews", "return", product, "1") == (1, "say why, with --comment\n")
    assert here.run("reviews", "approve", product, "2")[0] == 1
    assert here.run("reviews", "approve", product, "1") == (0, "approved: it is live within a second\n")
    assert here.run("reviews", "show", product)[0] == 1
    assert here.run("reviews", "approve", "nothing", "1") == (1, "there is no such product\n")

    async def change(team: Developers) -> ProductView:
        team.products, team.versions = type(team.products)(team.office), type(team.versions)(team.office)
        first = people[0]
        await team.products.update(first.developer, product, ProductPatch(name="VoiceBox Two"))
        await team.versions.submit(first.developer, product)
        return await team.products.get(first.viewer, product)

    assert here.work(change).live.name == "VoiceBox"
    status, shown = here.run("reviews", "show", product)
    assert status == 0 and "name\n  - VoiceBox\n  + VoiceBox Two" in shown
    assert here.run("reviews", "refuse", product, "2", "--comment", "The name is taken") == (0, "refused\n")

    async def look(team: Developers) -> ProductView:
        return await team.products.get(people[0].viewer, product)

    view = here.work(look)
    assert view.live.name == "VoiceBox" and view.last is not None and view.last.comment == "The name is taken"
    assert (view.last.decided_by or "").startswith("cli")


def test_a_product_is_vouched_for(tmp_path: Path) -> None:
    here = Installation(tmp_path)

    async def make(team: Developers) -> str:
        return await team.products.create(team.developer, team.organization, name="VoiceBox")

    product = here.work(make)
    assert here.run("products", "verify", product) == (0, "verified\n")
    assert here.run("products", "verify", "nothing") == (1, "there is no such product\n")
