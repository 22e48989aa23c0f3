"""Jobs: work that follows a commit. The queue is a table of our own database, so what is enqueued inside a transaction
is done if, and only if, that transaction was committed.

The door: `enqueue`, called inside a unit of work; `Worker`, one per process, with `Handler`s by kind and `Schedule`s;
`retention_schedule`, which deletes what has passed its time. A handler gets a `Job` and a `Context`.
"""

from dialkey.jobs.model import Context, Handler, Job, PutOff, Schedule
from dialkey.jobs.retention import RETENTION, retention_schedule
from dialkey.jobs.store import enqueue, enqueue_claimed
from dialkey.jobs.worker import Worker

__all__ = [
    "RETENTION",
    "Context",
    "Handler",
    "Job",
    "PutOff",
    "Schedule",
    "Worker",
    "enqueue",
    "enqueue_claimed",
    "retention_schedule",
]
