"""R3, crash: kill -9 of all or one of the server's processes at random moments under mixed load, again and again.

Actors exchange codes, refresh and revoke, and write down what was acknowledged. An operation without an answer may or
may not have happened, and is tried again until it has one. What must hold, over all kills:

- a code that was exchanged is never exchanged again; a grant that was acknowledged works until it is revoked;
- a refresh token has at most one successor, the newest one works, and one older than the last but one ends the family;
- after an acknowledged revocation nothing of the family works;
- one killed worker fails no requests but those it had in its hands; a restart answers within two (PostgreSQL: three)
  seconds; the database finds itself sound.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.wire import Answer, Connection, Party, Report, Unanswered, quantile
from bench.world import Chance, World, store

RESTART_BAR = {"sqlite": 2.0, "postgres": 3.0}
CODES_AT_A_TIME = 300
CODE_USABLE_FOR = 40.0
"""Seconds; codes live for 60."""
PATIENCE = 45.0
"""Seconds in which an operation that went unanswered is tried again: less than the 60 of the retry window."""


DYING = 0.1
"""Seconds that a killed process may take to disappear, and its connections with it."""


@dataclass(slots=True, eq=False)
class Family:
    """What one actor knows of one grant."""

    code: dict[str, str]
    line: list[str] = field(default_factory=list)
    """Refresh tokens that were acknowledged, the newest last."""
    access_token: str = ""
    state: str = "alive"
    """alive, revoked (acknowledged), ended (by a replay), or lost (not known; nothing is claimed)"""
    resting: bool = False
    """No actor will touch it any more."""
    checked: bool = False


class Ledger:
    """All that was acknowledged, and all that contradicts it."""

    def __init__(self) -> None:
        self.families: list[Family] = []
        self.acknowledged: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.unanswered = 0
        self.server_errors = 0
        self.failed_after_one = 0
        self.failed_in_hand = 0
        self.successors: dict[str, set[str]] = {}

    def violation(self, text: str) -> None:
        self.violations[text] += 1
        if self.violations[text] <= 3:
            print(f"  violation: {text}", flush=True)


class Actor:
    """One client with one connection, doing one thing after another."""

    def __init__(self, crash: Crash) -> None:
        self._crash = crash
        self._ledger = crash.ledger
        self._connection: Connection = crash.party.connection(timeout=5)
        self._tries = 0

    async def ask(self, request: bytes) -> Answer | None:
        """Asks until there is an answer; None when patience ends. `_tries` tells how often it was sent."""
        end = time.monotonic() + PATIENCE
        self._tries = 0
        while time.monotonic() < end:
            self._tries += 1
            try:
                answer = await self._connection.send(request)
            except Unanswered as error:
                self._ledger.unanswered += 1
                self._crash.note_failure(error.connected_at, error.sent_at)
                await asyncio.sleep(0.01)
                continue
            if answer.status < 500:
                return answer
            # 503 is an honest "not now"; anything else of that kind is counted.
            self._ledger.server_errors += answer.status != 503
            self._crash.note_failure(self._connection.connected_at, time.monotonic() - answer.seconds)
            await asyncio.sleep(0.01)
        return None

    async def act(self) -> None:
        """The life of families, until the crash test is over."""
        chance = self._crash.chance
        while not self._crash.over:
            family = await self.exchange()
            if family is None:
                continue
            self._ledger.families.append(family)
            for _ in range(1 + chance.below(6)):
                if family.state != "alive" or self._crash.over:
                    break
                await self.refresh(family)
                await asyncio.sleep(chance.uniform(0, 0.02))
            if family.state == "alive" and chance.uniform() < 0.4:
                await self.revoke(family)
            family.resting = True
        self._connection.close()

    async def exchange(self) -> Family | None:
        code = await self._crash.next_code()
        if code is None:
            return None
        answer = await self.ask(self._crash.party.exchange(code))
        if answer is None:
            return None
        if answer.status != 200:
            # Refused at the first try, a fresh code was lost. Refused later, the answer that was lost was a success.
            if self._tries == 1:
                self._ledger.violation(f"a fresh code was refused with {answer.status}")
            return None
        self._ledger.acknowledged["exchanges"] += 1
        body = answer.json
        return Family(code, [body["refresh_token"]], body["access_token"])

    async def refresh(self, family: Family, *, purpose: str = "a refresh was refused") -> None:
        parent = family.line[-1]
        answer = await self.ask(self._crash.party.refresh(parent))
        if answer is None:
            family.state = "lost"
        elif answer.status != 200:
            family.state = "lost"
            self._ledger.violation(f"{purpose} with {answer.status}: an acknowledged grant is gone")
        else:
            body = answer.json
            found = self._ledger.successors.setdefault(parent, set())
            found.add(body["refresh_token"])
            if len(found) > 1:
                self._ledger.violation("a refresh token has two successors")
            self._ledger.acknowledged["refreshes"] += 1
            family.line.append(body["refresh_token"])
            family.access_token = body["access_token"]

    async def revoke(self, family: Family) -> None:
        answer = await self.ask(self._crash.party.revoke(family.line[-1]))
        if answer is None:
            family.state = "lost"
        elif answer.status == 200:
            family.state = "revoked"
            self._ledger.acknowledged["revocations"] += 1
        else:
            family.state = "lost"
            self._ledger.violation(f"a revocation was refused with {answer.status}")

    async def refused(self, request: bytes, status: int, text: str) -> None:
        answer = await self.ask(request)
        if answer is None or answer.status != status:
            self._ledger.violation(f"{text} ({answer.status if answer else 'no answer'})")

    async def dead(self, family: Family, cause: str) -> None:
        party = self._crash.party
        await self.refused(party.refresh(family.line[-1]), 400, f"a refresh token worked after {cause}")
        await self.refused(party.userinfo(family.access_token), 401, f"an access token worked after {cause}")

    async def audit(self, family: Family) -> None:
        """Hold the server to what it acknowledged. A family is used up by it."""
        party, ledger = self._crash.party, self._ledger
        family.checked = True
        if family.state == "revoked":
            await self.dead(family, "its revocation")
        if family.state == "alive":
            answer = await self.ask(party.userinfo(family.access_token))
            if answer is None or answer.status != 200:
                ledger.violation("the access token of a living grant was refused")
            await self.refresh(family, purpose="the newest refresh token was refused")
            if family.state == "alive" and len(family.line) > 2 and self._crash.chance.uniform() < 0.5:
                old = family.line[self._crash.chance.below(len(family.line) - 2)]
                await self.refused(party.refresh(old), 400, "an older refresh token was taken")
                await self.dead(family, "the replay of an older one")
                family.state = "ended"
        await self.refused(party.exchange(family.code), 400, "a code was exchanged twice")
        if family.state == "alive":
            await self.dead(family, "the replay of its code")
            family.state = "ended"


class Crash:
    """The load, the kills and the audits."""

    def __init__(self, world: World, options: argparse.Namespace) -> None:
        self.world = world
        self.options = options
        self.chance = Chance(options.seed)
        self.ledger = Ledger()
        self.over = False
        self.restarts: list[float] = []
        self._codes: list[tuple[float, dict[str, str]]] = []
        self._one_killed_at: float | None = None
        self._seeding = asyncio.Lock()

    async def prepare(self) -> None:
        family = await self._seed()
        self.party = Party(self.world.base_url, family)

    async def _seed(self) -> dict[str, Any]:
        seeded_at = time.monotonic()
        family = (await asyncio.to_thread(self.world.seed, codes=CODES_AT_A_TIME))["plain"]
        self._codes += [(seeded_at, code) for code in family["codes"]]
        return family

    async def next_code(self) -> dict[str, str] | None:
        """A code that is still fresh; more are written when there is none."""
        while not self.over:
            while self._codes:
                seeded_at, code = self._codes.pop()
                if time.monotonic() - seeded_at < CODE_USABLE_FOR:
                    return code
            async with self._seeding:
                if not self._codes:
                    await self._seed()
        return None

    def note_failure(self, connected_at: float, sent_at: float) -> None:
        """A request failed. After one worker's death that may happen to those it had in hand, and to no others."""
        if self._one_killed_at is None:
            return
        if connected_at > self._one_killed_at or sent_at > self._one_killed_at + DYING:
            self.ledger.failed_after_one += 1
        else:
            self.ledger.failed_in_hand += 1

    async def kill_one(self) -> bool:
        self._one_killed_at = time.monotonic()
        if self.world.kill_one(self.chance) is None:
            self._one_killed_at = None
            return False
        await asyncio.sleep(0.5)
        self._one_killed_at = None
        return True

    async def kill_all(self) -> None:
        self.world.kill_all()
        begin = time.monotonic()
        self.world.start(ready=False)
        await asyncio.to_thread(self.world.wait_until_ready)
        self.restarts.append(time.monotonic() - begin)

    async def audit(self, families: list[Family]) -> None:
        async def work() -> None:
            actor = Actor(self)
            while families:
                await actor.audit(families.pop())

        await asyncio.gather(*(work() for _ in range(16)))

    async def _audit_some(self) -> None:
        """Right after a restart, some of what was acknowledged before the kill and no actor touches any more."""
        resting = [family for family in self.ledger.families if family.resting and not family.checked]
        await self.audit(resting[-20:])

    async def run(self) -> Counter[str]:
        kills: Counter[str] = Counter()
        actors = [asyncio.create_task(Actor(self).act()) for _ in range(self.options.actors)]
        for number in range(self.options.kills):
            await asyncio.sleep(self.chance.uniform(0.1, self.options.pause))
            broken = next((each for each in actors if each.done()), None)
            if broken:
                broken.result()
            if number % 2 and await self.kill_one():
                kills["one"] += 1
                continue
            await self.kill_all()
            kills["all"] += 1
            await self._audit_some()
            if kills["all"] % 10 == 0:
                print(f"  {number + 1} kills, {self.ledger.acknowledged.total()} acknowledgements", flush=True)
        self.over = True
        await asyncio.gather(*actors)
        await self.audit([family for family in self.ledger.families if not family.checked])
        return kills


async def attack(world: World, options: argparse.Namespace, report: Report) -> None:
    crash = Crash(world, options)
    report.note(f"seed {crash.chance.seed}")
    await crash.prepare()
    kills = await crash.run()
    ledger = crash.ledger
    report.figure("kills of all processes", kills["all"])
    report.figure("kills of one worker", kills["one"])
    for name in ("exchanges", "refreshes", "revocations"):
        report.figure(f"acknowledged {name}", ledger.acknowledged[name])
    report.figure("families audited", sum(family.checked for family in ledger.families))
    report.figure("tries without an answer", ledger.unanswered)
    total = ledger.violations.total()
    report.figure("acknowledged things lost, or used twice", total, bar="= 0", ok=total == 0)
    for text, count in ledger.violations.most_common(10):
        report.note(f"  {count} x {text}")
    report.figure("answers 5xx other than 503", ledger.server_errors, bar="= 0", ok=ledger.server_errors == 0)
    late = ledger.failed_after_one
    report.figure("failed in the hands of one killed worker", ledger.failed_in_hand)
    report.figure("failed after one worker's death, outside its hands", late, bar="= 0", ok=late == 0)
    slowest, bar = max(crash.restarts, default=float("nan")), RESTART_BAR[options.db]
    report.figure("first 200 after a restart, median s", quantile(crash.restarts, 0.5))
    report.figure("first 200 after a restart, slowest s", slowest, bar=f"<= {bar:g}", ok=not slowest > bar)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=200, help="10 for a quick look")
    parser.add_argument("--pause", type=float, default=1.0, help="at most so many seconds between two kills")
    parser.add_argument("--actors", type=int, default=16)
    parser.add_argument("--seed", help="repeat the choices of an earlier run, as far as timing allows")
    options = parser.parse_args()
    report = Report(f"R3 crash, {options.db}, {options.workers} workers")
    with store(options.db) as database, World(database, workers=options.workers) as world:
        world.start()
        asyncio.run(attack(world, options, report))
        world.kill_all()
        problems = database.problems()
        name = "PRAGMA integrity_check" if options.db == "sqlite" else "pg_amcheck"
        report.figure(f"{name}, complaints", len(problems), bar="= 0", ok=not problems)
        for problem in problems[:5]:
            report.note(f"  {problem}")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
