"""What one complete sign-in costs: authorize, number, PIN, consent, code exchange, userinfo; the server's CPU.

    python bench/sign_in.py [--runs 200] [--together 1] [--db sqlite|postgres]

`--together` is how many people sign in at a time: a server that idles between two requests pays for every wake-up, a
busy one shares commits.

Every run is a new browser and a new subscriber, so nothing is skipped. The PIN is derived as the server derives it, so
that reading it costs the server nothing. The SQL statements of each step are counted by tests/http/test_cost.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import httpx

from bench import process
from bench.seed_dialkey import REDIRECT, world
from bench.world import World, store
from dialkey.app import open_house
from dialkey.base.clock import SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.base.phone import PhoneNumber
from dialkey.directory.rules import Directory
from dialkey.settings import load
from dialkey.signin.pins import pin_of
from dialkey.signin.store import SignInStore
from dialkey.subscribers.rules import Subscribers
from support import html

AIM = 8.0
"""Milliseconds of server CPU."""
MORE = """
[sms]
route = "handset"
"""
LIMITS = (
    "sends_per_address_10_minutes = 1000000\nsends_per_network_10_minutes = 1000000\n"
    "sends_per_prefix_10_minutes = 1000000\nsends_per_client_10_minutes = 1000000\n"
)
HEADERS = {"accept": "text/html", "sec-fetch-site": "same-origin", "origin": "null"}


class Visits:
    """Signs subscribers in, one after the other."""

    def __init__(self, base_url: str, storage: Any, keyring: Any, client: Any, *, scope: str) -> None:
        self._base_url = base_url
        self._storage = storage
        self._keyring = keyring
        self._client = client
        self._scope = scope

    async def once(self, number: PhoneNumber) -> None:
        """Fails loudly where anything does not go as in the walkthrough."""
        async with httpx.AsyncClient(base_url=self._base_url, headers=HEADERS) as browser:
            query = {"response_type": "code", "scope": self._scope, "client_id": self._client.client_id}
            page = await browser.get("/oauth2/auth?" + urlencode({**query, "redirect_uri": REDIRECT, "state": "s"}))
            form = html.read(page.text).form("/signin")
            sent = await browser.post("/signin", data={**form.fields, "number": number})
            address = sent.headers["location"]
            page = await browser.get(address)
            form = html.read(page.text).form("/pin")
            passed = await browser.post(form.action, data={**form.fields, "pin": await self._pin(address)})
            page = await browser.get(passed.headers["location"])
            form = html.read(page.text).form("/oauth2/auth/consent")
            answer = {**form.fields, "terms": "on", "responsibility": "on", "decision": "add"}
            back = await browser.post(form.action, data=answer)
            code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
            data = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
            auth = (self._client.client_id, self._client.client_secret)
            tokens = (await browser.post("/oauth2/token", data=data, auth=auth)).json()
            claims = await browser.get("/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"})
            assert claims.json()["phone_number"] == number

    async def _pin(self, address: str) -> str:
        sign_in_id = re.fullmatch(r"/signin/([\w-]+)", address)[1]  # type: ignore[index]
        sign_in = await SignInStore().find(self._storage.read, sign_in_id)
        assert sign_in is not None
        return pin_of(self._keyring, sign_in.id, sign_in.phone_number, sign_in.seed, sign_in.digits)


async def measure(server: World, runs: int, together: int) -> None:
    clock, entropy = SystemClock(), SystemEntropy()
    storage, keyring = await open_house(load(server.config), clock, entropy)
    seeded = await world(Directory(storage, clock, entropy, keyring))
    subscribers = Subscribers(storage, clock, entropy)
    numbers = [PhoneNumber(f"+4477{n:08d}") for n in range(4 * runs + 40)]
    for number in numbers:
        await subscribers.add(actor="cli:bench", operator_id=seeded["operator"], number=number, sandbox=True)
    await asyncio.sleep(1.5)

    async def sign_in(visits: Visits, times: int) -> None:
        for _ in range(times):
            await visits.once(numbers.pop())

    for scope in ("phone offline_access", "openid phone offline_access"):
        visits = Visits(server.base_url, storage, keyring, seeded["client"], scope=scope)
        for _ in range(20):
            await visits.once(numbers.pop())
        figures = []
        for _ in range(2):
            before, began = process.cpu_seconds(process.tree(server.pid)), time.perf_counter()
            await asyncio.gather(*(sign_in(visits, runs // 2 // together) for _ in range(together)))
            spent = process.cpu_seconds(process.tree(server.pid)) - before
            done = runs // 2 // together * together
            figures.append((spent / done * 1000, (time.perf_counter() - began) / done * 1000))
        cpu = statistics.median(figure for figure, _ in figures)
        whole = statistics.median(figure for _, figure in figures)
        what = f"{server.database.kind}, {together} at a time, {scope}"
        print(f"{what:55} {cpu:5.1f} ms server CPU (aim <= {AIM}), {whole:5.1f} ms in all")
    await storage.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--together", type=int, default=1)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    with store(chosen.db) as database, World(database, workers=1, config=MORE) as server:
        text = server.config.read_text()
        server.config.write_text(text.replace("[limits]\n", "[limits]\n" + LIMITS).replace("127.0.0.1:", "localhost:", 1))
        server.base_url = server.base_url.replace("127.0.0.1", "localhost")
        os.environ.update(server.environment)
        server.start()
        asyncio.run(measure(server, chosen.runs, chosen.together))


if __name__ == "__main__":
    main()
