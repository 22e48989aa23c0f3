"""What a dead webhook receiver costs a sign-in: 10,000 messages wait for an endpoint that takes calls and never answers.

    python bench/dead_webhook.py [--pending 10000] [--runs 40] [--rounds 6] [--db sqlite|postgres]

Rounds with and without the endpoint take turns on one server, one worker. The bar is a ratio: at most 1.10.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import process
from bench.seed_dialkey import world
from bench.sign_in import LIMITS, MORE, Visits
from bench.wire import Report, quantile
from bench.world import World, store
from dialkey.app import open_house
from dialkey.base.clock import DAY, SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.base.ids import new_id
from dialkey.base.phone import PhoneNumber
from dialkey.directory.rules import Directory
from dialkey.settings import load
from dialkey.storage import Statement, Writer
from dialkey.subscribers.rules import Subscribers

BAR = 1.10
_HOOK = Statement(
    "bench.hook",
    """INSERT INTO webhooks (id, organization_id, url, description, status, created_at, updated_at, due_at)
    SELECT :id, organization_id, :url, '', 'disabled', :now, :now, :now FROM products WHERE id = :product""",
)
_SECRET = Statement(
    "bench.secret",
    """INSERT INTO webhook_secrets (id, webhook_id, sealed, hint, created_at) VALUES (:id, :hook, :sealed, '', :now)""",
)
_PENDING = Statement(
    "bench.pending",
    """INSERT INTO webhook_deliveries (webhook_id, message_id, type, state, attempts, next_at, give_up_at, created_at,
      expires_at) VALUES (:hook, :id, 'webhook.test', 'waiting', 0, :now, :later, :now, :later)""",
)
_SWITCH = Statement(
    "bench.switch",
    """UPDATE webhooks SET status = :status, due_at = :now, resting_until = 0, failures = 0, failing_since = NULL,
      claimed_until = 0""",
)
_WAITING = Statement("bench.waiting", "SELECT COUNT(*) AS n FROM webhook_deliveries WHERE state = 'waiting'")


class Dead:
    """Accepts connections, reads, and says nothing."""

    calls = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        with suppress(asyncio.CancelledError):  # the end of the measurement
            await reader.read()
        writer.close()


async def measure(server: World, options: argparse.Namespace, report: Report) -> None:
    clock, entropy = SystemClock(), SystemEntropy()
    storage, keyring = await open_house(load(server.config), clock, entropy)
    seeded = await world(Directory(storage, clock, entropy, keyring))
    people = Subscribers(storage, clock, entropy)
    numbers = [PhoneNumber(f"+4477{n:08d}") for n in range(options.runs * (options.rounds + 1))]
    for number in numbers:
        await people.add(actor="cli:bench", operator_id=seeded["operator"], number=number, sandbox=True)
    dead = Dead()
    listener = await asyncio.start_server(dead.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    hook, secret = new_id(entropy), new_id(entropy)

    async def unit(writer: Writer) -> None:
        now = clock.now()
        await writer.run(_HOOK, id=hook, url=url, product=seeded["product"], now=now)
        sealed = keyring.box().close(entropy, f"webhook/{secret}", b"x" * 32)
        await writer.run(_SECRET, id=secret, hook=hook, sealed=sealed, now=now)
        for _ in range(options.pending):
            await writer.run(_PENDING, hook=hook, id=new_id(entropy), now=now, later=now + 3 * DAY)

    await storage.write(unit)

    async def switch(status: str) -> None:
        async def unit(writer: Writer) -> None:
            await writer.run(_SWITCH, status=status, now=clock.now())

        await storage.write(unit)
        await asyncio.sleep(1.5)

    visits = Visits(server.base_url, storage, keyring, seeded["client"], scope="openid phone offline_access")
    for _ in range(options.runs):
        await visits.once(numbers.pop())
    took: dict[str, list[float]] = {"disabled": [], "enabled": []}
    spent = {"disabled": 0.0, "enabled": 0.0}
    for turn in range(options.rounds):
        status = ("disabled", "enabled")[turn % 2]
        await switch(status)
        before = process.cpu_seconds(process.tree(server.pid))
        for _ in range(options.runs):
            began = time.perf_counter()
            await visits.once(numbers.pop())
            took[status].append(time.perf_counter() - began)
        spent[status] += process.cpu_seconds(process.tree(server.pid)) - before
    without, with_it = (statistics.median(took[status]) * 1000 for status in ("disabled", "enabled"))
    report.figure("sign-in without, median ms", without)
    report.figure("sign-in with messages waiting, median ms", with_it)
    report.figure("the same, p95 ms", quantile(took["enabled"], 0.95) * 1000)
    report.figure("ratio of the medians", with_it / without, bar=f"<= {BAR}", ok=with_it / without <= BAR)
    cpu = {status: total * 1000 / len(took[status]) for status, total in spent.items()}
    report.figure("server CPU of a sign-in without, ms", cpu["disabled"])
    report.figure("server CPU of a sign-in with, ms", cpu["enabled"])
    report.figure("calls of the dead receiver meanwhile", dead.calls, bar="> 0", ok=dead.calls > 0)
    waiting = (await storage.read.one(_WAITING)).n
    report.figure("messages that still wait", waiting, bar=f">= {options.pending}", ok=waiting >= options.pending)
    listener.close()
    await storage.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    options = parser.parse_args()
    report = Report(f"A dead webhook receiver, {options.db}, {options.pending} messages waiting")
    with store(options.db) as database, World(database, workers=1, config=MORE) as server:
        text = server.config.read_text()
        server.config.write_text(text.replace("[limits]\n", "[limits]\n" + LIMITS).replace("127.0.0.1:", "localhost:", 1))
        server.base_url = server.base_url.replace("127.0.0.1", "localhost")
        os.environ.update(server.environment)
        server.start()
        asyncio.run(measure(server, options, report))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
