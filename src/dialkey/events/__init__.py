"""Events: what happened to consents, told to the products concerned. Written in the transaction of the change, published
in an order of its own per product, handed out at least once, kept for a while.

The door: `record_change`, called inside a unit of work; `Publisher`, one per process; `EventLog` and `Queues`, which read.
"""

from dialkey.events.model import Change, ChangeKind, Event
from dialkey.events.publishing import Publisher
from dialkey.events.queues import Queues
from dialkey.events.recording import record_change
from dialkey.events.store import EventLog

__all__ = ["Change", "ChangeKind", "Event", "EventLog", "Publisher", "Queues", "record_change"]
