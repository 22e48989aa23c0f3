"""The queue: what is committed is done; at most once is at most once; time does what the table says."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from dialkey.base.clock import DAY, MINUTE, SECOND, Instant
from dialkey.jobs import Context, Handler, Job, PutOff, Schedule, Worker, enqueue, enqueue_claimed
from dialkey.jobs import store as jobs_store
from dialkey.jobs.model import CLAIM_LIFETIME, MOST_PUT_OFFS
from dialkey.storage import Statement

ALL = Statement("test.jobs", "SELECT id, kind, payload, state, run_at, attempts, outcome FROM jobs ORDER BY id")


@pytest.fixture
def queue(storage, entropy, clock):
    async def queue(kind: str = "send", /, *, run_at: Instant | None = None, **payload: str | int) -> str:
        async def unit(writer):
            return await enqueue(writer, entropy=entropy, kind=kind, payload=payload, now=clock.now(), run_at=run_at)

        return await storage.write(unit)

    return queue


@pytest.fixture
def hire(storage, entropy, clock):
    def hire(handlers, schedules=(), **options) -> Worker:
        return Worker(storage, clock, entropy, handlers, schedules, **options)

    return hire


async def until(condition, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Log:
    """A handler that remembers what it was given."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.jobs: list[Job] = []
        self.outcomes = list(outcomes)

    async def __call__(self, job: Job, context: Context) -> None:
        self.jobs.append(job)
        if self.outcomes and (outcome := self.outcomes.pop(0)) is not None:
            raise outcome


async def test_what_is_committed_is_done_and_deleted(storage, queue, hire):
    log = Log()
    id = await queue(challenge="c1", part=2)
    worker = hire({"send": Handler(run=log)})
    assert await worker.run_due() == 1
    assert log.jobs == [Job(id=id, kind="send", payload={"challenge": "c1", "part": 2}, attempt=1)]
    assert await storage.read.all(ALL) == []
    assert await worker.run_due() == 0


async def test_what_is_rolled_back_is_not_done(storage, entropy, clock, hire):
    log = Log()

    async def unit(writer):
        await enqueue(writer, entropy=entropy, kind="send", payload={}, now=clock.now())
        raise LookupError

    with pytest.raises(LookupError):
        await storage.write(unit)
    assert await hire({"send": Handler(run=log)}).run_due() == 0


async def test_a_job_waits_for_its_time(queue, hire, clock):
    log = Log()
    await queue(run_at=clock.now() + MINUTE)
    worker = hire({"send": Handler(run=log)})
    assert await worker.run_due() == 0
    clock.advance(minutes=1)
    assert await worker.run_due() == 1


async def test_two_workers_run_a_hundred_jobs_once_each(storage, queue, hire):
    ran: Counter[str] = Counter()

    async def slow(job: Job, context: Context) -> None:
        ran[job.id] += 1
        await asyncio.sleep(0.001)

    ids = [await queue(n=n) for n in range(100)]
    workers = [hire({"send": Handler(run=slow)}, concurrency=7) for _ in range(2)]
    runs = [asyncio.create_task(worker.run()) for worker in workers]
    await until(lambda: len(ran) == 100)
    for worker in workers:
        await worker.stop(5)
    await asyncio.gather(*runs)
    assert ran == Counter(ids)
    assert await storage.read.all(ALL) == []


async def test_a_worker_runs_no_more_than_its_limit(queue, hire):
    running, most = 0, 0

    async def slow(job: Job, context: Context) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1

    for n in range(30):
        await queue(n=n)
    assert await hire({"send": Handler(run=slow)}, concurrency=4).run_due() == 30
    assert 2 <= most <= 4


async def test_waking_is_quicker_than_polling(queue, hire):
    log = Log()
    worker = hire({"send": Handler(run=log)})
    run = asyncio.create_task(worker.run())
    await asyncio.sleep(0.05)
    started = asyncio.get_running_loop().time()
    await queue()
    worker.wake()
    await until(lambda: log.jobs)
    assert asyncio.get_running_loop().time() - started < 0.5
    await queue()  # another process: nobody wakes this one
    await until(lambda: len(log.jobs) == 2, 3)
    await worker.stop()
    await run


@pytest.mark.parametrize("retries", [0, 3])
async def test_a_dead_workers_job(storage, queue, hire, clock, retries):
    """At most once: never again. At least once: after the claim has ended."""
    await queue()
    (lost,) = await jobs_store.claim(storage, kinds=["send"], now=clock.now(), most=5)
    log = Log()
    worker = hire({"send": Handler(run=log, retries=retries)})
    clock.advance(seconds=CLAIM_LIFETIME / 1000 - 0.001)
    assert await worker.run_due() == 0
    clock.advance(seconds=0.001)
    await worker.run_due()
    clock.advance(hours=12)
    await worker.run_due()
    (row,) = await storage.read.all(ALL) or [None]
    if retries:
        assert [job.attempt for job in log.jobs] == [2] and row is None
    else:
        assert log.jobs == [] and (row.state, row.outcome) == ("unknown", "worker lost")
    await jobs_store.done(storage, lost)  # the dead worker comes back: its claim is worth nothing
    assert await storage.read.all(ALL) == ([] if retries else [row])


async def test_at_most_once_is_not_tried_again_when_it_fails(storage, queue, hire, clock):
    log = Log(ConnectionError("+46701740605"))
    await queue()
    worker = hire({"send": Handler(run=log)})
    assert await worker.run_due() == 1
    clock.advance(hours=12)
    assert await worker.run_due() == 0
    (row,) = await storage.read.all(ALL)
    assert (row.state, row.outcome, len(log.jobs)) == ("failed", "ConnectionError", 1)


async def test_retries_back_off_and_end(storage, queue, hire, clock):
    log = Log(*[OSError()] * 9)
    await queue()
    worker = hire({"send": Handler(run=log, retries=3, backoff=5 * SECOND)})
    waits = []
    for _ in range(3):
        assert await worker.run_due() == 1
        (row,) = await storage.read.all(ALL)
        assert row.state == "waiting"
        waits.append(row.run_at - clock.now())
        clock.advance(seconds=(row.run_at - clock.now()) / 1000)
    assert await worker.run_due() == 1
    (row,) = await storage.read.all(ALL)
    assert waits == [5 * SECOND, 10 * SECOND, 20 * SECOND]
    assert (row.state, len(log.jobs)) == ("failed", 4)


async def test_putting_off_has_an_end(storage, queue, hire, clock):
    log = Log(*[PutOff("throttled", after=SECOND)] * 20)
    await queue()
    worker = hire({"send": Handler(run=log)})
    for _ in range(20):
        await worker.run_due()
        clock.advance(seconds=1)
    (row,) = await storage.read.all(ALL)
    assert (row.state, row.outcome, len(log.jobs)) == ("failed", "throttled", MOST_PUT_OFFS + 1)


async def test_a_kind_of_another_release_is_left_to_it(storage, queue, hire):
    await queue("send_later")
    await queue("end")
    await queue("send")
    log = Log()
    assert await hire({"send": Handler(run=log), "later": Handler(run=log)}).run_due() == 1
    assert {row.kind for row in await storage.read.all(ALL)} == {"send_later", "end"}


@pytest.mark.parametrize(("retries", "state"), [(0, "unknown"), (2, "waiting")])
async def test_stopping_interrupts_what_does_not_end(storage, queue, hire, retries, state):
    started = asyncio.Event()

    async def endless(job: Job, context: Context) -> None:
        started.set()
        await asyncio.sleep(60)

    await queue()
    worker = hire({"send": Handler(run=endless, retries=retries)})
    run = asyncio.create_task(worker.run())
    await asyncio.wait_for(started.wait(), 5)
    await worker.stop(0.05)
    await run
    (row,) = await storage.read.all(ALL)
    assert (row.state, row.outcome) == (state, "interrupted")


async def test_stopping_lets_the_rest_finish(storage, queue, hire):
    started, finish = asyncio.Event(), asyncio.Event()

    async def waits(job: Job, context: Context) -> None:
        started.set()
        await finish.wait()

    await queue()
    worker = hire({"send": Handler(run=waits)}, concurrency=1)
    run = asyncio.create_task(worker.run())
    await asyncio.wait_for(started.wait(), 5)
    await queue()  # comes too late for this worker
    stop = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0.01)
    finish.set()
    await stop
    await run
    assert [row.state for row in await storage.read.all(ALL)] == ["waiting"]


async def test_cancelling_run_leaves_nothing_running(storage, queue, hire):
    started = asyncio.Event()

    async def endless(job: Job, context: Context) -> None:
        started.set()
        await asyncio.sleep(60)

    await queue()
    run = asyncio.create_task(hire({"send": Handler(run=endless)}).run())
    await asyncio.wait_for(started.wait(), 5)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [row.state for row in await storage.read.all(ALL)] == ["unknown"]


async def test_a_failure_says_nothing_of_its_payload(queue, hire, caplog, capfd):
    log = Log(ValueError("PIN 493021"))
    await queue(challenge="493021")
    await hire({"send": Handler(run=log)}).run_due()
    assert "493021" not in caplog.text + "".join(capfd.readouterr())


async def test_a_schedule_runs_once_per_period(hire, clock):
    ran: list[int] = []

    async def count(context: Context) -> None:
        await asyncio.sleep(0.001)
        ran.append(context.clock.now())

    schedules = [Schedule(name="count", every=MINUTE, handler=count)]
    workers = [hire({}, schedules) for _ in range(2)]
    for _ in range(60):
        await asyncio.gather(*(worker.run_due() for worker in workers))
        clock.advance(seconds=10)
    assert len(ran) == 10
    assert {later - earlier for earlier, later in pairwise(ran)} == {MINUTE}


async def test_a_schedule_survives_its_node_and_a_wrong_clock(storage, hire, clock):
    ran: list[int] = []

    async def count(context: Context) -> None:
        ran.append(context.clock.now())

    worker = hire({}, [Schedule(name="count", every=DAY, handler=count)])
    await jobs_store.add_schedules(storage, ["count"], now=clock.now())
    assert await jobs_store.lease(storage, name="count", every=DAY, now=clock.now())  # and then it died
    await worker.run_due()
    assert ran == []
    clock.advance(minutes=5)
    await worker.run_due()
    assert len(ran) == 1
    clock.advance(days=-10)  # the clock was ten days ahead, and is put right
    await worker.run_due()
    assert len(ran) == 2


async def test_a_schedule_that_fails_goes_on(hire, clock):
    calls = 0

    async def fails(context: Context) -> None:
        nonlocal calls
        calls += 1
        raise OSError

    worker = hire({}, [Schedule(name="fails", every=MINUTE, handler=fails)])
    for _ in range(3):
        await worker.run_due()
        clock.advance(minutes=1)
    assert calls == 3


async def test_an_idle_worker_asks_one_statement_a_time(storage, hire):
    worker = hire({"send": Handler(run=Log())})
    before = storage.statements
    await worker.run_due()
    assert storage.statements - before == 1


async def test_a_job_taken_at_once_is_run_by_its_own_process_only(storage, entropy, clock, hire):
    log, other = Log(), Log()
    mine, theirs = hire({"send": Handler(run=log)}), hire({"send": Handler(run=other)})
    assert not mine.can_take()
    run = asyncio.create_task(mine.run())
    await until(mine.can_take)

    async def unit(writer) -> Job:
        return await enqueue_claimed(writer, entropy=entropy, kind="send", payload={"n": 1}, now=clock.now())

    job = await storage.write(unit)
    assert await theirs.run_due() == 0
    mine.take(job)
    await until(lambda: log.jobs == [job])
    await mine.stop(5)
    await run
    assert not mine.can_take()
    assert other.jobs == []
    assert await storage.read.all(ALL) == []


async def test_a_job_whose_process_died_before_it_could_start_it_is_unknown(storage, entropy, clock, hire):
    async def unit(writer) -> Job:
        return await enqueue_claimed(writer, entropy=entropy, kind="send", payload={}, now=clock.now())

    await storage.write(unit)
    clock.advance(minutes=3)
    assert await hire({"send": Handler(run=Log())}).run_due() == 0
    assert [row.state for row in await storage.read.all(ALL)] == ["unknown"]
