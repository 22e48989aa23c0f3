"""R2, refresh families: racing refreshes, replays of old refresh tokens, and answers that are lost on their way.

A family is one grant and its line of refresh tokens. However many present one token at once, there is at most one
successor. The token just before the newest one, presented again within a minute, gets the same successor; an older one
ends the family. So a client that never saw the answer tries again and goes on without a new sign-in.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.wire import Connection, Party, Report, Unanswered, in_groups, quantile
from bench.world import Chance, World, store

GENERATIONS = 5
"""Refresh tokens that a family has used before one of the older ones is replayed."""


class Tally:
    """What was seen, over all phases."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.times: list[float] = []

    async def ask(self, connection: Connection, request: bytes) -> tuple[int, dict[str, Any]]:
        """The status, 0 for no answer, and the JSON body."""
        try:
            answer = await connection.send(request)
        except Unanswered:
            self.statuses[0] += 1
            return 0, {}
        self.statuses[answer.status] += 1
        self.times.append(answer.seconds)
        return answer.status, answer.json if answer.body.startswith(b"{") else {}


async def race(party: Party, tally: Tally, token: str, parallel: int) -> set[str]:
    """The distinct successors that so many simultaneous refreshes of one token were given."""
    connections = [party.connection(timeout=30) for _ in range(parallel)]
    await asyncio.gather(*(connection.open() for connection in connections))
    answers = await asyncio.gather(*(tally.ask(each, party.refresh(token)) for each in connections))
    for connection in connections:
        connection.close()
    return {body["refresh_token"] for status, body in answers if status == 200}


async def replay(party: Party, tally: Tally, token: str, successor: str, number: int) -> list[str]:
    """Go on for some generations, present an older token, check that nothing works any more. What is wrong."""
    wrong = []
    line = [token, successor]
    access_token = ""
    connection = party.connection()
    try:
        while len(line) <= GENERATIONS:
            status, body = await tally.ask(connection, party.refresh(line[-1]))
            if status != 200:
                return [f"generation {len(line)} was refused with {status}"]
            line.append(body["refresh_token"])
            access_token = body["access_token"]
        if len(set(line)) != len(line):
            wrong.append("two generations have the same token")
        older = line[:-2]  # without the newest and the one that may be presented again
        first = older[number % len(older)]
        status, body = await tally.ask(connection, party.refresh(first))
        if (status, body.get("error")) != (400, "invalid_grant"):
            wrong.append(f"replay was answered {status} {body.get('error')}")
        for each in (line[-1], line[-2], *older):
            status, _ = await tally.ask(connection, party.refresh(each))
            if status != 400:
                wrong.append(f"generation {line.index(each)} was answered {status} after the replay")
        status, _ = await tally.ask(connection, party.userinfo(access_token))
        if status != 401:
            wrong.append(f"userinfo was answered {status} after the replay")
    finally:
        connection.close()
    return wrong


async def lossy(
    party: Party, tally: Tally, chance: Chance, token: str, options: argparse.Namespace
) -> tuple[int, int, int]:
    """A client that loses answers: how many it lost, how many of those the next try made good, and whether it ended.

    Good means: a successor, and one that works. After a loss the client lets its successor rest for a moment, as any
    client does that refreshes by the hour: the request whose answer it lost may still be waiting somewhere in the
    server, and served only after two further refreshes it would be the replay of an older token.
    """
    lost = recovered = 0
    connection = party.connection()
    just_recovered = False
    try:
        for step in range(options.steps + 1):  # the last step proves the successor of the one before
            dropped = step < options.steps and chance.uniform() < options.lost
            if dropped:
                lost += 1
                await connection.send_and_drop(party.refresh(token), after=chance.uniform(0, 0.03))
            status, body = await tally.ask(connection, party.refresh(token))
            if status != 200:
                return lost, recovered - just_recovered, 1
            token = body["refresh_token"]
            recovered += dropped
            just_recovered = dropped
            if dropped:
                await asyncio.sleep(options.rest)
    finally:
        connection.close()
    return lost, recovered, 0


async def attack(world: World, options: argparse.Namespace, report: Report) -> None:
    tally, chance = Tally(), Chance(options.seed)
    report.note(f"seed {chance.seed}")
    family = world.seed(refresh_tokens=options.families * 2)["plain"]
    party = Party(world.base_url, family)
    tokens = family["refresh_tokens"]
    raced, others = tokens[: options.families], tokens[options.families :]

    successors: dict[str, set[str]] = {}
    for group in in_groups(raced, options.at_once):
        found = await asyncio.gather(*(race(party, tally, token, options.parallel) for token in group))
        successors |= dict(zip(group, found, strict=True))
    branches = sum(len(found) > 1 for found in successors.values())
    without = sum(not found for found in successors.values())
    report.figure("families raced", len(raced))
    report.figure("simultaneous refreshes of each", options.parallel)
    report.figure("families with two successors", branches, bar="= 0", ok=branches == 0)
    report.figure("families without any successor", without, bar="= 0", ok=without == 0)

    wrong: Counter[str] = Counter()
    sound = replayed = 0
    goes_on = [(token, found.copy().pop()) for token, found in successors.items() if len(found) == 1]
    for group in in_groups(list(enumerate(goes_on)), 16):
        for found in await asyncio.gather(*(replay(party, tally, *pair, number) for number, pair in group)):
            replayed += 1
            sound += not found
            wrong.update(found)
    report.figure("families with a replay of an older token", replayed)
    report.figure("of these ended by it, entirely", sound, bar=f"= {len(raced)}", ok=sound == len(raced))
    for text, count in wrong.most_common(5):
        report.note(f"  {count} x {text}")

    lost = recovered = ended = 0
    for group in in_groups(others, 32):
        for walk in await asyncio.gather(*(lossy(party, tally, chance, token, options) for token in group)):
            lost, recovered, ended = (a + b for a, b in zip((lost, recovered, ended), walk, strict=True))
    share = recovered / lost if lost else 1.0
    report.figure("answers lost on purpose", lost)
    report.figure("of these recovered by the next try, %", share * 100, bar=">= 99.9", ok=share >= 0.999)
    allowed = int(lost * 0.001)
    report.figure("families that ended while losing answers", ended, bar=f"<= {allowed}", ok=ended <= allowed)

    failures = sum(n for status, n in tally.statuses.items() if status >= 500)
    report.figure("answers 5xx", failures, bar="= 0", ok=failures == 0)
    report.figure("no answer", tally.statuses[0], bar="= 0", ok=not tally.statuses[0])
    report.figure("requests", tally.statuses.total())
    report.figure("p99 ms", quantile(tally.times, 0.99) * 1000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--families", type=int, default=200, help="for the races, and as many for the lost answers")
    parser.add_argument("--parallel", type=int, default=50, help="refreshes of one token at once")
    parser.add_argument("--at-once", type=int, default=2, help="families raced at the same time")
    parser.add_argument("--steps", type=int, default=60, help="refreshes of each family that loses answers")
    parser.add_argument("--lost", type=float, default=0.1, help="share of answers that are lost")
    parser.add_argument("--rest", type=float, default=0.25, help="seconds before a recovered successor is used")
    parser.add_argument("--seed", help="repeat the choices of an earlier run")
    options = parser.parse_args()
    report = Report(f"R2 refresh families, {options.db}, {options.workers} workers")
    with store(options.db) as database, World(database, workers=options.workers) as world:
        world.start()
        asyncio.run(attack(world, options, report))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
