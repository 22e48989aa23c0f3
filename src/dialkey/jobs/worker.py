"""The worker: takes what is due, runs it, and writes down what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import structlog
from prometheus_client import Counter, Gauge

from dialkey.base.clock import SECOND, Clock
from dialkey.base.entropy import Entropy
from dialkey.jobs import store
from dialkey.jobs.model import (
    MOST_PUT_OFFS,
    RUN_TIME,
    SCHEDULE_LEASE,
    SCHEDULE_RUN_TIME,
    Context,
    Handler,
    Job,
    PutOff,
    Schedule,
    State,
)
from dialkey.storage import Storage, StorageUnavailable

POLL = SECOND
CONCURRENCY = 16
"""Jobs that one worker runs at a time."""
SETTLE_TRIES = 4

_log = structlog.get_logger("dialkey.jobs")
_JOBS = Counter("dialkey_jobs", "Jobs by what became of them.", ["kind", "outcome"])
_LAG = Gauge("dialkey_jobs_lag_seconds", "How long the job that waits longest has been due.", multiprocess_mode="max")
_RUNNING = Gauge("dialkey_jobs_running", "Jobs that are being run.", multiprocess_mode="livesum")
_SCHEDULES = Counter("dialkey_schedules", "Runs of the schedules.", ["name", "outcome"])


class Worker:
    """Runs jobs and schedules of one process. Any number of workers may share a database."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        entropy: Entropy,
        handlers: Mapping[str, Handler],
        schedules: Sequence[Schedule] = (),
        *,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._context = Context(storage=storage, clock=clock, entropy=entropy)
        self._storage = storage
        self._clock = clock
        self._entropy = entropy
        self._handlers = dict(handlers)
        self._schedules = {schedule.name: schedule for schedule in schedules}
        self._concurrency = concurrency
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._over = asyncio.Event()
        self._over.set()

    async def run(self) -> None:
        """Works until `stop` is called or this is cancelled."""
        self._loop = asyncio.get_running_loop()
        self._over.clear()
        try:
            while not self._stopping:
                self._woken.clear()
                try:
                    pause = await self._turn()
                except StorageUnavailable as error:
                    _log.warning("the queue cannot be read", error=str(error)[:200])
                    pause = POLL
                except Exception as error:
                    _log.error("the worker stumbled", error=type(error).__name__, exc_info=error)
                    pause = POLL
                if pause and not self._stopping:
                    await self._rest(pause)
        finally:
            self._loop = None
            self._over.set()
            if not self._stopping:
                await self._interrupt()

    def wake(self) -> None:
        """Says that something was enqueued and committed. May be called from any thread, before and after `run` too."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._woken.set)

    def can_take(self) -> bool:
        """Whether `take` may be called: this worker is running and has a hand free."""
        return self._loop is not None and not self._stopping and len(self._jobs) < self._concurrency

    def take(self, job: Job) -> None:
        """Starts a job that was enqueued in this process's name (`enqueue_claimed`), now that this is committed."""
        self._start(job)

    async def stop(self, timeout: float = 10) -> None:  # noqa: ASYNC109 - bounds its patience, not the call
        """Takes nothing more, lets what is running finish for `timeout` seconds, then interrupts it."""
        self._stopping = True
        self._woken.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._over.wait()  # it may be taking jobs right now
                await self._under_way()
        await self._interrupt()
        await self._storage.flush()

    async def run_due(self) -> int:
        """Runs everything that is due now, with what that enqueues, to its end; gives the number of jobs. For tests."""
        count = 0
        while True:
            agenda = await store.look(self._storage.read)
            await self._give_up_abandoned(agenda)
            await self._start_schedules(agenda)
            jobs = await self._take(agenda)
            for job in jobs:
                self._start(job)
            await self._under_way()
            await self._storage.flush()
            count += len(jobs)
            if not jobs:
                return count

    async def _turn(self) -> int:
        """Looks once and starts what is due; gives the milliseconds until the next look."""
        agenda = await store.look(self._storage.read)
        await self._give_up_abandoned(agenda)
        await self._start_schedules(agenda)
        jobs = await self._take(agenda)
        for job in jobs:
            self._start(job)
        now = self._clock.now()
        _LAG.set(0 if agenda.job_at is None else max(0, now - agenda.job_at) / 1000)
        if jobs:
            return 0
        poll = POLL * (192 + self._entropy.take(1)[0] // 2) // 256  # 0.75 to 1.25 s: nodes do not ask in step
        if agenda.job_at is not None and now < agenda.job_at:
            return min(poll, agenda.job_at - now)
        return poll

    async def _rest(self, pause: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause / 1000):
                await self._woken.wait()

    async def _take(self, agenda: store.Agenda) -> list[Job]:
        now = self._clock.now()
        free = self._concurrency - len(self._jobs)
        if free <= 0 or agenda.job_at is None or agenda.job_at > now:
            return []
        return await store.claim(self._storage, kinds=self._handlers, now=now, most=free)

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._execute(job), name=f"job {job.kind}")
        self._jobs[job.id] = task
        _RUNNING.inc()
        task.add_done_callback(lambda task: self._finished(job, task))

    def _finished(self, job: Job, task: asyncio.Task[None]) -> None:
        if self._jobs.get(job.id) is task:
            del self._jobs[job.id]
        _RUNNING.dec()
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("what became of a job could not be stored", job=job.id, error=type(error).__name__)

    async def _execute(self, job: Job) -> None:
        """Runs one job. Whatever its handler does, only this decides what is written."""
        handler = self._handlers[job.kind]
        try:
            async with asyncio.timeout(RUN_TIME / 1000):
                await handler.run(job, self._context)
        except PutOff as error:
            await self._put_off(job, error)
        except asyncio.CancelledError:
            await self._cut_short(job, handler, "interrupted")
            raise
        except TimeoutError:
            await self._cut_short(job, handler, "timeout")
        except Exception as error:
            _log.warning("a job failed", job=job.id, kind=job.kind, attempt=job.attempt, error=type(error).__name__)
            await self._failed(job, handler, type(error).__name__)
        else:
            if handler.at_most_once:
                store.done_soon(self._storage, job)
            else:
                await self._settle(lambda: store.done(self._storage, job))
            _JOBS.labels(job.kind, "done").inc()

    async def _put_off(self, job: Job, put_off: PutOff) -> None:
        if job.attempt > MOST_PUT_OFFS:
            await self._end(job, State.FAILED, put_off.reason)
        else:
            await self._try_again(job, put_off.after, put_off.reason)

    async def _cut_short(self, job: Job, handler: Handler, outcome: str) -> None:
        """Nobody knows how far the handler came."""
        if handler.at_most_once:
            await self._end(job, State.UNKNOWN, outcome)
        elif outcome == "interrupted":  # by a restart, which is not the job's fault
            await self._try_again(job, 0, outcome)
        else:
            await self._failed(job, handler, outcome)

    async def _failed(self, job: Job, handler: Handler, outcome: str) -> None:
        if job.attempt > handler.retries:
            await self._end(job, State.FAILED, outcome)
        else:
            await self._try_again(job, handler.pause(job.attempt), outcome)

    async def _end(self, job: Job, state: State, outcome: str) -> None:
        _log.error("a job is over", job=job.id, kind=job.kind, attempt=job.attempt, state=state.value, outcome=outcome)
        now = self._clock.now()
        await self._settle(lambda: store.over(self._storage, job, state=state, outcome=outcome[:200], now=now))
        _JOBS.labels(job.kind, state.value).inc()

    async def _try_again(self, job: Job, pause: int, outcome: str) -> None:
        run_at = self._clock.now() + pause
        await self._settle(lambda: store.again(self._storage, job, run_at=run_at, outcome=outcome[:200]))
        _JOBS.labels(job.kind, "retry").inc()

    async def _settle(self, write: Callable[[], Awaitable[None]]) -> None:
        """Writes an outcome through a short outage; past that, the claim's end decides."""
        for attempt in range(1, SETTLE_TRIES + 1):
            try:
                return await write()
            except StorageUnavailable:
                if attempt == SETTLE_TRIES:
                    raise
                await asyncio.sleep(0.2 * 4**attempt)

    async def _give_up_abandoned(self, agenda: store.Agenda) -> None:
        """Decides about jobs whose worker died."""
        now = self._clock.now()
        if agenda.claim_ends_at is None or agenda.claim_ends_at > now:
            return
        for job in await store.list_abandoned(self._storage.read, now=now):
            if job.id not in self._jobs and (handler := self._handlers.get(job.kind)) is not None:
                await self._cut_short(job, handler, "worker lost")

    async def _start_schedules(self, agenda: store.Agenda) -> None:
        now = self._clock.now()
        if new := [name for name in self._schedules if name not in agenda.schedules]:
            await store.add_schedules(self._storage, new, now=now)
        for name, schedule in self._schedules.items():
            at = agenda.schedules.get(name, now)
            if name in self._runs or now < at <= now + store.latest_ahead(schedule.every):
                continue
            if await store.lease(self._storage, name=name, every=schedule.every, now=now):
                task = asyncio.create_task(self._run_schedule(schedule, now), name=f"schedule {name}")
                self._runs[name] = task
                task.add_done_callback(lambda _, name=name: self._runs.pop(name, None))

    async def _run_schedule(self, schedule: Schedule, started_at: int) -> None:
        every, outcome = schedule.every, "done"
        try:
            async with asyncio.timeout(SCHEDULE_RUN_TIME / 1000):
                await schedule.handler(self._context)
        except Exception as error:
            _log.error("a schedule failed", schedule=schedule.name, error=type(error).__name__)
            every, outcome = min(every, SCHEDULE_LEASE), "failed"
        _SCHEDULES.labels(schedule.name, outcome).inc()
        with suppress(StorageUnavailable):  # the lease ends by itself
            await store.ran(self._storage, name=schedule.name, every=every, started_at=started_at)

    async def _under_way(self) -> None:
        """Until nothing is running."""
        while under_way := [*self._jobs.values(), *self._runs.values()]:
            await asyncio.wait(under_way)

    async def _interrupt(self) -> None:
        under_way = [*self._jobs.values(), *self._runs.values()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
