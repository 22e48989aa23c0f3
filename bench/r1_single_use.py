"""R1, single use under concurrency: 200 codes, each redeemed 50 times at once, against four workers.

Exactly one redemption of a code succeeds, the others are refused as invalid_grant, nothing fails otherwise, and 99 of
100 answers come within a second. A replay may end the grant (RFC 6749 section 4.1.2), so whether the winner's access
token still works is reported and not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.wire import Answer, Party, Report, Unanswered, in_groups, quantile
from bench.world import World, store


async def redeem(party: Party, code: dict[str, str], times: int) -> list[Answer | Unanswered]:
    """All at once, each on a connection that is open already."""
    connections = [party.connection(timeout=30) for _ in range(times)]
    await asyncio.gather(*(connection.open() for connection in connections))
    request = party.exchange(code)
    try:
        return await asyncio.gather(*(each.send(request) for each in connections), return_exceptions=True)
    finally:
        for connection in connections:
            connection.close()


async def attack(world: World, options: argparse.Namespace, report: Report) -> None:
    winners: Counter[int] = Counter()
    statuses: Counter[int] = Counter()
    times: list[float] = []
    tokens: list[str] = []
    wrong: Counter[str] = Counter()
    for count in [options.codes // 4] * 4:  # in four portions: a code lives for a minute
        family = world.seed(codes=count)["plain"]
        party = Party(world.base_url, family)
        for group in in_groups(family["codes"], options.at_once):
            for answers in await asyncio.gather(*(redeem(party, code, options.parallel) for code in group)):
                won = 0
                for answer in answers:
                    if isinstance(answer, Unanswered):
                        statuses[0] += 1
                        continue
                    statuses[answer.status] += 1
                    times.append(answer.seconds)
                    if answer.status == 200:
                        won += 1
                        tokens.append(answer.json["access_token"])
                    elif answer.status == 400 and answer.json.get("error") != "invalid_grant":
                        wrong[str(answer.json.get("error"))] += 1
                winners[won] += 1
    codes = options.codes // 4 * 4
    connection = party.connection()
    alive = sum([(await connection.send(party.userinfo(token))).status == 200 for token in tokens])
    connection.close()
    report.figure("codes", codes)
    report.figure("redemptions", len(times))
    report.figure("successes", statuses[200], bar=f"= {codes}", ok=statuses[200] == codes)
    report.figure("codes with exactly one success", winners[1], bar=f"= {codes}", ok=winners[1] == codes)
    twice = codes - winners[0] - winners[1]
    report.figure("codes with more than one", twice, bar="= 0", ok=twice == 0)
    failures = sum(n for status, n in statuses.items() if status >= 500)
    report.figure("answers 5xx", failures, bar="= 0", ok=failures == 0)
    other = sum(n for status, n in statuses.items() if status not in (200, 400) and status < 500)
    report.figure("no answer, or another status", other, bar="= 0", ok=other == 0)
    report.figure("refusals other than invalid_grant", wrong.total(), bar="= 0", ok=not wrong)
    report.figure("p50 ms", quantile(times, 0.5) * 1000)
    p99 = quantile(times, 0.99)
    report.figure("p99 ms", p99 * 1000, bar="<= 1000", ok=p99 <= 1)
    report.figure("winners' access tokens alive after the replays", alive)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--codes", type=int, default=200, help="rounded down to a multiple of four")
    parser.add_argument("--parallel", type=int, default=50, help="redemptions of each")
    parser.add_argument("--at-once", type=int, default=2, help="codes under attack at the same time")
    options = parser.parse_args()
    report = Report(f"R1 single use, {options.db}, {options.workers} workers")
    with store(options.db) as database, World(database, workers=options.workers) as world:
        world.start()
        asyncio.run(attack(world, options, report))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
