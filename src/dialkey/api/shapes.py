"""Shapes that all operations share: times, texts, pages of lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from dialkey.api.operations import Answer, Call
from dialkey.base.clock import Instant

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339, in UTC, to the millisecond."""
Moment = Annotated[datetime, Meta(tz=True)]
"""The same from outside, in any zone."""
Id = Annotated[str, Meta(description="22 characters.", examples=["3yZe7W1kQmC2n0u5vJx8Tg"])]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a list."""

    limit: Annotated[int, Meta(ge=1, le=200, description="The most that one answer has.")] = 50
    after: Annotated[str, Meta(max_length=500, description="Where to go on; `next` has it filled in.")] = ""


class Confirm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What cannot be undone, and is in use."""

    confirm: Annotated[bool, Meta(description="Do it although it is in use.")] = False


def time(instant: int) -> str:
    """`2026-11-24T09:30:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"


def time_or_none(instant: int | None) -> str | None:
    return None if instant is None else time(instant)


def instant_or_none(moment: datetime | None) -> Instant | None:
    return None if moment is None else Instant((moment - _EPOCH) // timedelta(milliseconds=1))


def next_address(call: Call, after: str | None) -> str | None:
    """The address of the part behind this one, with the same filters."""
    if after is None:
        return None
    query = {
        name: value
        for name in call.query.__struct_fields__
        if (value := getattr(call.query, name)) not in ("", None, False)
    }
    query["after"] = after
    pairs = [(name, "true" if value is True else str(value)) for name, value in query.items()]
    return f"{call.request.scope['path']}?{urlencode(pairs)}"


def listed(body: msgspec.Struct) -> Answer:
    """A list with `next`, which stands in `Link` too (RFC 8288)."""
    after = body.next  # type: ignore[attr-defined]
    return Answer(body=body, headers={} if after is None else {"Link": f'<{after}>; rel="next"'})


def created(path: str, body: msgspec.Struct) -> Answer:
    """201 with where it is."""
    return Answer(body=body, headers={"Location": path})
