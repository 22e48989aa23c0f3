"""R3 for consent events: subscribers remove a product, all at once, while the server's processes are killed at random; two
consumers share a queue of the product's stream, and a webhook receiver listens, sometimes badly.

What must hold, checked in the database afterwards:

- every removal is effective once: one withdrawal in the evidence, one in the trail, one event;
- no event without its change, and positions without a gap;
- the consumers together, and the receiver, got every event at least once; signatures fit;
- after an acknowledged removal the access token opens nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import httpx

from bench.seed_dialkey import REDIRECT, world
from bench.wire import Report, quantile
from bench.world import Chance, World, store
from dialkey.app import build, open_house
from dialkey.base.clock import DAY, SystemClock, after
from dialkey.base.entropy import SystemEntropy
from dialkey.base.ids import new_id
from dialkey.base.scopes import ScopeSet
from dialkey.directory.rules import Directory
from dialkey.oauth.model import Fulfilled
from dialkey.settings import load
from dialkey.signin.model import ACR, AMR
from dialkey.storage import Statement, Writer
from dialkey.subscribers.rules import Subscribers
from support import html
from support.receiver import Got, Receiver

REMOVED = "https://bench.example/removed"
SECRET = b"a secret of thirty-two bytes ...."[:32]
PATIENCE = 90.0
"""Seconds after the last removal in which everything must have arrived: more than a dead process's leases."""
_HOOK = Statement(
    "bench.hook",
    """INSERT INTO webhooks (id, organization_id, url, description, status, created_at, updated_at)
    SELECT :id, organization_id, :url, '', 'enabled', :now, :now FROM products WHERE id = :product""",
)
_SECRET = Statement(
    "bench.secret",
    """INSERT INTO webhook_secrets (id, webhook_id, sealed, hint, created_at) VALUES (:id, :hook, :sealed, '', :now)""",
)
_EVENTS = Statement(
    "bench.events", "SELECT id, kind, position, subscription_id FROM consent_events ORDER BY position"
)
_EVIDENCE = Statement("bench.evidence", "SELECT subscription_id, change FROM consent_evidence")
_TRAIL = Statement("bench.trail", "SELECT data FROM audit_events WHERE tag = 'consent.withdrawn'")
_LIVE = Statement("bench.live", "SELECT COUNT(*) AS n FROM consents WHERE withdrawn_at IS NULL")
_UNSETTLED = Statement("bench.unsettled", "SELECT COUNT(*) AS n FROM webhook_deliveries WHERE state <> 'delivered'")
_LEASES = Statement("bench.leases", "SELECT COUNT(*) AS n FROM event_leases")


class Storm:
    def __init__(self, running: World, options: argparse.Namespace, report: Report) -> None:
        self.world, self.options, self.report = running, options, report
        self.chance = Chance(options.seed)
        self.over = asyncio.Event()
        self.got: list[Counter[str]] = [Counter(), Counter()]
        self.acknowledged: set[str] = set()
        self.latencies: list[float] = []
        self.kills: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.receiver = Receiver(self._answer)

    def _answer(self, got: Got) -> int:
        """Every tenth message is refused once; a second time would have it wait for minutes, as it should."""
        id = got.headers["webhook-id"]
        if id not in self.refused and self.chance.uniform() < 0.1:
            self.refused.add(id)
            return 500
        return 200

    async def prepare(self) -> None:
        os.environ["DIALKEY_KEYS__MASTER_KEY"] = self.world.environment["DIALKEY_KEYS__MASTER_KEY"]
        settings, clock, entropy = load(self.world.config), SystemClock(), SystemEntropy()
        self.storage, self.keyring = await open_house(settings, clock, entropy)
        directory = Directory(self.storage, clock, entropy, self.keyring)
        seeded = await world(directory)
        self.client, self.product = seeded["client"], seeded["product"]
        uris = {"redirect_uris": (REDIRECT,), "post_revoke_redirect_uris": (REMOVED,)}
        await directory.set_client_uris(actor="cli:bench", client_id=self.client.client_id, **uris)
        house = build(settings, self.storage, self.keyring, clock, entropy).house
        client = await house.directory.find_client(self.client.client_id)
        assert client is not None
        await self.receiver.start()
        hook, secret, now = new_id(entropy), new_id(entropy), clock.now()

        async def unit(writer: Writer) -> None:
            await writer.run(_HOOK, id=hook, url=self.receiver.url + "/hook", product=self.product, now=now)
            sealed = self.keyring.box().close(entropy, f"webhook/{secret}", SECRET)
            await writer.run(_SECRET, id=secret, hook=hook, sealed=sealed, now=now)

        await self.storage.write(unit)
        self.tokens: dict[str, str] = {}
        people = Subscribers(self.storage, clock, entropy)
        scope = ScopeSet(["openid", "phone", "offline_access"])
        for n in range(self.options.removals):
            number = f"+4477009{n:05d}"
            made = await people.add(actor="cli:bench", operator_id=seeded["operator"], number=number, sandbox=True)  # type: ignore[arg-type]
            grant_id, now = new_id(entropy), clock.now()
            authorization = Fulfilled(
                id=grant_id, client_id=client.id, product_id=client.product.id, subscription_id=made.id,
                operator_id=seeded["operator"], session_id=new_id(entropy), redirect_uri=REDIRECT, redirect_uri_sent=True,
                code_challenge="", scope=scope, refreshable=True, nonce=None, auth_time=now, amr=AMR, acr=ACR,
                requested_at=now, fulfilled_at=now, code_expires_at=after(now, 60_000),
            )  # fmt: skip

            async def give(writer: Writer, authorization: Fulfilled = authorization) -> None:
                await house.consents.give_on_behalf(
                    writer, subscription_id=authorization.subscription_id, operator_id=seeded["operator"],
                    product=client.product, created_by=client.product.id, client_id=client.id, metadata={}, request_id="",
                )  # fmt: skip
                await house.authorizations.fulfil(writer, authorization)

            await self.storage.write(give)
            grant = await house.authorizations.exchange(
                grant_id, client_id=client.id, code_challenge="", redirect_uri=REDIRECT, now=now,
                access_expires_at=after(now, 3_600_000), idle_expires_at=after(now, DAY), expires_at=after(now, DAY),
            )  # fmt: skip
            assert grant is not None
            self.tokens[made.id] = house.tokens.access_token(client, grant, scope)
        self.own = house.tokens.access_token(client, None, ScopeSet())
        self.bearer = {"authorization": f"Bearer {self.own}"}

    def http(self, **options: Any) -> httpx.AsyncClient:
        headers = {"accept": "text/html", "sec-fetch-site": "same-origin", "origin": "null"} | options.pop("headers", {})
        return httpx.AsyncClient(base_url=self.world.base_url, headers=headers, timeout=15, **options)

    async def remove(self, subscription: str) -> None:
        """The whole way, again and again until there is an answer; a link that is refused says that it was done before."""
        begin = time.monotonic()
        while True:
            try:
                async with self.http() as http:
                    if await self._remove_once(http, subscription):
                        break
            except httpx.HTTPStatusError as error:
                self.unanswered[str(error.response.status_code)] += 1
                await asyncio.sleep(self.chance.uniform(0.01, 0.1))
            except (httpx.HTTPError, OSError, AssertionError) as error:
                self.unanswered[type(error).__name__] += 1
                await asyncio.sleep(self.chance.uniform(0.01, 0.1))
        self.latencies.append(time.monotonic() - begin)
        self.acknowledged.add(subscription)

    async def _remove_once(self, http: httpx.AsyncClient, subscription: str) -> bool:
        path = "/ext-api/v0/auth/create-revoke-consent-magic-link"
        form = {"token": self.tokens[subscription], "redirectTo": REMOVED, "state": "s"}
        link = await http.post(path, data=form, headers=self.bearer)
        if link.status_code == 400 and link.json()["error"] == "access_denied":
            return True  # an answer that was lost had ended it
        url = link.raise_for_status().json()["redirectTo"]
        page = await http.get(url, follow_redirects=True)
        answer = html.read(page.raise_for_status().text).form("/revoke-consent/decision")
        pressed = await http.post(answer.action, data={**answer.fields, "decision": "remove"})
        assert pressed.status_code == 303, pressed.status_code
        return True

    async def consume(self, index: int) -> None:
        """A consumer of the shared queue: it acknowledges, sometimes forgets to, and comes back after every fault."""
        query = {"queue": "storm", "start": "oldest", "ack_deadline": 10, "max_in_flight": 20}
        while not self.over.is_set():
            with contextlib.suppress(httpx.HTTPError, OSError):
                headers = {**self.bearer, "accept": "text/event-stream"}
                async with (
                    self.http(headers=headers) as http,
                    http.stream("GET", "/events/v1/consents", params=query) as stream,
                ):
                    if stream.status_code == 200:
                        await self._listen(index, stream)
            await asyncio.sleep(0.1)

    async def _listen(self, index: int, stream: httpx.Response) -> None:
        async with self.http(headers=self.bearer) as http:
            async for line in stream.aiter_lines():
                if self.over.is_set():
                    return
                if not line.startswith("data: "):
                    continue
                metadata = json.loads(line[6:])["metadata"]
                self.got[index][metadata["id"]] += 1
                if self.chance.uniform() < 0.05:
                    continue
                body = {"ackInfo": metadata["ackInfo"]}
                (await http.post("/events/v1/consents/ack", json=body)).raise_for_status()

    async def kill(self) -> None:
        while not self.over.is_set() and self.kills.total() < self.options.kills:
            await asyncio.sleep(self.chance.uniform(0.05, self.options.pause))
            if self.chance.uniform() < 0.7 and self.world.kill_one(self.chance) is not None:
                self.kills["one"] += 1
                continue
            self.world.kill_all()
            self.world.start(ready=False)
            await asyncio.to_thread(self.world.wait_until_ready)
            self.kills["all"] += 1

    async def run(self) -> None:
        consumers = [asyncio.create_task(self.consume(index)) for index in range(2)]
        killing = asyncio.create_task(self.kill())
        await asyncio.sleep(0.5)
        await asyncio.gather(*(self.remove(subscription) for subscription in self.tokens))
        await killing
        end = time.monotonic() + PATIENCE
        wanted = 2 * len(self.tokens)
        while time.monotonic() < end:
            heard = self.got[0] + self.got[1]
            left = (await self.storage.read.one(_LEASES)).n + (await self.storage.read.one(_UNSETTLED)).n
            if len(heard) >= wanted and len(self._told()) >= wanted and not left:
                break
            await asyncio.sleep(0.2)
        await self._check()
        self.over.set()
        for consumer in consumers:
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        await self.receiver.stop()
        await self.storage.close()

    def _told(self) -> set[str]:
        return {got.headers["webhook-id"] for got in self.receiver.got}

    async def _check(self) -> None:
        """The history, from the database and from what was heard."""
        report, count = self.report, len(self.tokens)
        events = await self.storage.read.all(_EVENTS)
        evidence = Counter((row.subscription_id, row.change) for row in await self.storage.read.all(_EVIDENCE))
        trail = Counter(json.loads(row.data)["subscription"] for row in await self.storage.read.all(_TRAIL))
        told = Counter((row.subscription_id, row.kind) for row in events)
        expected = Counter({(s, change): 1 for s in self.tokens for change in ("given", "withdrawn")})
        report.figure("kills of one worker", self.kills["one"])
        report.figure("kills of all processes", self.kills["all"])
        report.figure("tries without an answer", self.unanswered.total())
        report.note("  " + ", ".join(f"{count} x {why}" for why, count in self.unanswered.most_common()))
        report.figure("removal, median s", quantile(self.latencies, 0.5))
        report.figure("removals acknowledged", len(self.acknowledged), bar=f"= {count}", ok=len(self.acknowledged) == count)
        live = (await self.storage.read.one(_LIVE)).n
        report.figure("consents still there", live, bar="= 0", ok=live == 0)
        twice = sum((evidence - expected).values()) + sum(n != 1 for n in trail.values()) + abs(len(trail) - count)
        report.figure("withdrawals not exactly once", twice, bar="= 0", ok=twice == 0 and evidence == expected)
        wanted = Counter({(s, kind): 1 for s in self.tokens for kind in ("added", "revoked")})
        odd = sum((told - wanted).values()) + sum((wanted - told).values())
        report.figure("events without a change, or changes without one", odd, bar="= 0", ok=odd == 0)
        gaps = [row.position for row in events] != list(range(1, len(events) + 1))
        report.figure("gaps in the positions", int(gaps), bar="= 0", ok=not gaps)
        ids, heard = {row.id for row in events}, self.got[0] + self.got[1]
        missed, invented = len(ids - set(heard)), len(set(heard) - ids)
        report.figure("events that no consumer got", missed, bar="= 0", ok=missed == 0)
        report.figure("events got by the two consumers", f"{len(self.got[0])} + {len(self.got[1])}")
        report.figure("deliveries on the stream, repeated ones among them", heard.total())
        missed, strange = len(ids - self._told()), len(self._told() - ids) + invented
        report.figure("events that the webhook did not get", missed, bar="= 0", ok=missed == 0)
        report.figure("messages about nothing", strange, bar="= 0", ok=strange == 0)
        report.figure("calls of the webhook, repeated ones among them", len(self.receiver.got))
        bad = sum(not _signed(got) for got in self.receiver.got)
        report.figure("webhook signatures that do not fit", bad, bar="= 0", ok=bad == 0)
        async with self.http() as http:
            alive = 0
            for token in self.tokens.values():
                answer = await http.get("/userinfo", headers={"authorization": f"Bearer {token}"})
                alive += answer.status_code != 401
        report.figure("tokens that work after the removal", alive, bar="= 0", ok=alive == 0)


def _signed(got: Got) -> bool:
    content = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = b64encode(hmac.digest(SECRET, content, "sha256")).decode()
    return f"v1,{expected}" in got.headers["webhook-signature"].split() and b64decode(expected) != b""


async def attack(running: World, options: argparse.Namespace, report: Report) -> None:
    storm = Storm(running, options, report)
    report.note(f"seed {storm.chance.seed}")
    await storm.prepare()
    running.start()
    await storm.run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--removals", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pause", type=float, default=0.5, help="at most so many seconds between two kills")
    parser.add_argument("--seed", help="repeat the choices of an earlier run, as far as timing allows")
    options = parser.parse_args()
    report = Report(f"R3 consent events, {options.db}, {options.workers} workers")
    with store(options.db) as database, World(database, workers=options.workers) as running:
        asyncio.run(attack(running, options, report))
        running.kill_all()
        problems = database.problems()
        report.figure("the database's own check, complaints", len(problems), bar="= 0", ok=not problems)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
