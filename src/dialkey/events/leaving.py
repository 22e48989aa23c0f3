"""Telling clients that somebody is signed out (OpenID Connect Back-Channel Logout 1.0): asked for wherever a session or a
grant ends, in its transaction; done by a job above."""

from __future__ import annotations

from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy
from dialkey.jobs import enqueue
from dialkey.storage import Writer

LOGOUT_OF_SESSION = "oauth.logout_of_session"
"""Payload: `session`."""
LOGOUT_OF_SUBJECT = "oauth.logout_of_subject"
"""Payload: `subscription`, `product` (empty: all), `at`."""


async def queue_session_logout(writer: Writer, *, entropy: Entropy, now: Instant, session_id: str) -> None:
    """Every client that was signed in to by this session."""
    await enqueue(writer, entropy=entropy, kind=LOGOUT_OF_SESSION, payload={"session": session_id}, now=now)


async def queue_subject_logout(
    writer: Writer, *, entropy: Entropy, now: Instant, subscription_id: str, product_id: str = ""
) -> None:
    """Every client at which grants of this subscription end now, in all of its sessions."""
    payload = {"subscription": subscription_id, "product": product_id, "at": now}
    await enqueue(writer, entropy=entropy, kind=LOGOUT_OF_SUBJECT, payload=payload, now=now)
