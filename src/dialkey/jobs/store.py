"""The queue's SQL. A running job's `run_at` is the time until which its claim holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.jobs.model import CLAIM_LIFETIME, SCHEDULE_LEASE, Job, Payload, State
from dialkey.storage import Reader, Statement, Storage, Writer
from dialkey.storage.engine import Unit

_ENQUEUE = Statement(
    "jobs.enqueue",
    "INSERT INTO jobs (id, kind, payload, state, run_at, attempts)"
    " VALUES (:id, :kind, :payload, 'waiting', :run_at, 0)",
)
_ENQUEUE_CLAIMED = Statement(
    "jobs.enqueue_claimed",
    "INSERT INTO jobs (id, kind, payload, state, run_at, claimed_at, attempts)"
    " VALUES (:id, :kind, :payload, 'running', :run_at, :now, 1)",
)
_LOOK = Statement(
    "jobs.look",
    "SELECT 'waiting' AS what, '' AS name, MIN(run_at) AS at FROM jobs WHERE state = 'waiting'"
    " UNION ALL SELECT 'running', '', MIN(run_at) FROM jobs WHERE state = 'running'"
    " UNION ALL SELECT 'schedule', name, next_at FROM schedules",
)
# The guard stands where the rows are locked; a second one would make SQLite read every waiting row. Only kinds that this
# release knows: `:kinds` is ` kind  kind `, and one that is in it can be taken out of it.
_CLAIM = Statement(
    "jobs.claim",
    "WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE state = 'waiting' AND run_at <= :now"
    " AND replace(:kinds, ' ' || kind || ' ', '') <> :kinds ORDER BY run_at LIMIT :most {skip_locked})"
    " UPDATE jobs SET state = 'running', run_at = :until, claimed_at = :now, attempts = attempts + 1"
    " WHERE id IN (SELECT id FROM due) RETURNING id, kind, payload, attempts",
)
_ABANDONED = Statement(
    "jobs.abandoned",
    "SELECT id, kind, payload, attempts FROM jobs WHERE state = 'running' AND run_at <= :now ORDER BY run_at LIMIT 100",
)
_DONE = Statement("jobs.done", "DELETE FROM jobs WHERE id = :id AND state = 'running' AND attempts = :attempts")
_OVER = Statement(
    "jobs.over",
    "UPDATE jobs SET state = :state, run_at = :now, finished_at = :now, outcome = :outcome"
    " WHERE id = :id AND state = 'running' AND attempts = :attempts",
)
_AGAIN = Statement(
    "jobs.again",
    "UPDATE jobs SET state = 'waiting', run_at = :run_at, outcome = :outcome"
    " WHERE id = :id AND state = 'running' AND attempts = :attempts",
)
_ADD_SCHEDULE = Statement(
    "schedules.add", "INSERT INTO schedules (name, next_at) VALUES (:name, :now) ON CONFLICT DO NOTHING"
)
# A time further off than any run can have set comes from a clock that was wrong.
_LEASE = Statement(
    "schedules.lease",
    "UPDATE schedules SET next_at = :until WHERE name = :name AND (next_at <= :now OR next_at > :latest)"
    " RETURNING name",
)
_RAN = Statement("schedules.ran", "UPDATE schedules SET next_at = :next_at WHERE name = :name AND next_at = :until")


async def enqueue(
    writer: Writer, *, entropy: Entropy, kind: str, payload: Payload, now: Instant, run_at: Instant | None = None
) -> str:
    """Queues a job in the caller's transaction and gives its id. Call `Worker.wake` once that is committed."""
    id = new_id(entropy)
    due = now if run_at is None else run_at
    await writer.run(_ENQUEUE, id=id, kind=kind, payload=_text(payload), run_at=due)
    return id


async def enqueue_claimed(writer: Writer, *, entropy: Entropy, kind: str, payload: Payload, now: Instant) -> Job:
    """Queues a job that this process has taken already, which saves the search for it. Only after `Worker.can_take`; give
    what this returns to `Worker.take` once it is committed."""
    job = Job(id=new_id(entropy), kind=kind, payload=payload, attempt=1)
    until = now + CLAIM_LIFETIME
    await writer.run(_ENQUEUE_CLAIMED, id=job.id, kind=kind, payload=_text(payload), run_at=until, now=now)
    return job


@dataclass(frozen=True, slots=True)
class Agenda:
    """When there is something to do next."""

    job_at: Instant | None
    """The earliest waiting job."""
    claim_ends_at: Instant | None
    """The earliest end of a claim: at that time its worker is taken for dead."""
    schedules: dict[str, Instant]


async def look(reader: Reader) -> Agenda:
    """One statement, answered from indexes: what a worker asks every second."""
    times: dict[str, Instant | None] = {}
    schedules: dict[str, Instant] = {}
    for row in await reader.all(_LOOK):
        if row.what == "schedule":
            schedules[row.name] = row.at
        else:
            times[row.what] = row.at
    return Agenda(times.get("waiting"), times.get("running"), schedules)


async def claim(storage: Storage, *, kinds: Iterable[str], now: Instant, most: int) -> list[Job]:
    """Takes what is due, the longest waiting first. Committed when this returns: nobody else has these jobs."""
    known = f" {'  '.join(kinds)} "

    async def unit(writer: Writer) -> list[Job]:
        until = now + CLAIM_LIFETIME
        return [_job(row) for row in await writer.all(_CLAIM, kinds=known, now=now, until=until, most=most)]

    return await storage.write(unit)


async def list_abandoned(reader: Reader, *, now: Instant) -> list[Job]:
    """Those whose claim has ended while they were running."""
    return [_job(row) for row in await reader.all(_ABANDONED, now=now)]


async def done(storage: Storage, job: Job) -> None:
    """Deletes it. This and the next two do nothing where the claim was lost to another worker."""
    await storage.write(_delete(job))


def done_soon(storage: Storage, job: Job) -> None:
    """`done`, without a commit of its own. For a job that is never started twice, so that a crash before it merely leaves
    it among those of which nobody knows."""
    storage.defer(_delete(job))


def _delete(job: Job) -> Unit[None]:
    async def unit(writer: Writer) -> None:
        await writer.run(_DONE, id=job.id, attempts=job.attempt)

    return unit


async def over(storage: Storage, job: Job, *, state: State, outcome: str, now: Instant) -> None:
    """Ends it without success."""

    async def unit(writer: Writer) -> None:
        await writer.run(_OVER, id=job.id, attempts=job.attempt, state=state.value, outcome=outcome, now=now)

    await storage.write(unit)


async def again(storage: Storage, job: Job, *, run_at: Instant, outcome: str) -> None:
    """Puts it back until `run_at`."""

    async def unit(writer: Writer) -> None:
        await writer.run(_AGAIN, id=job.id, attempts=job.attempt, run_at=run_at, outcome=outcome)

    await storage.write(unit)


async def add_schedules(storage: Storage, names: Iterable[str], *, now: Instant) -> None:
    """Makes what is new due at once."""

    async def unit(writer: Writer) -> None:
        for name in names:
            await writer.run(_ADD_SCHEDULE, name=name, now=now)

    await storage.write(unit)


async def lease(storage: Storage, *, name: str, every: int, now: Instant) -> bool:
    """True for the one node that may run the schedule now."""
    latest = now + latest_ahead(every)

    async def unit(writer: Writer) -> bool:
        row = await writer.one(_LEASE, name=name, now=now, until=now + SCHEDULE_LEASE, latest=latest)
        return row is not None

    return await storage.write(unit)


def latest_ahead(every: int) -> int:
    """No run sets a schedule's next time further off than this, clocks that differ by a minute included."""
    return max(every, SCHEDULE_LEASE) + 60_000


async def ran(storage: Storage, *, name: str, every: int, started_at: Instant) -> None:
    """Gives the schedule back until its next period."""

    async def unit(writer: Writer) -> None:
        await writer.run(_RAN, name=name, until=started_at + SCHEDULE_LEASE, next_at=started_at + every)

    await storage.write(unit)


def _text(payload: Payload) -> str:
    return json.dumps(dict(payload), separators=(",", ":"))


def _job(row: object) -> Job:
    return Job(id=row.id, kind=row.kind, payload=json.loads(row.payload), attempt=row.attempts)  # type: ignore[attr-defined]
