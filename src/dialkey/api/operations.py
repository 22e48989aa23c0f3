"""What an operation of the API is: one line of the table, what it is called with, what it answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import Request

from dialkey.developers.access import Actor, Role

if TYPE_CHECKING:
    from dialkey.api.house import ApiHouse

BASE = "/api/v1"
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
PICTURES = ("image/png", "image/jpeg", "image/webp")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(slots=True, kw_only=True)
class Call:
    """A request that was let in: who asks, and what for, checked as far as its shape goes."""

    request: Request
    actor: Actor
    path: Mapping[str, str]
    """Parameters of the path, as they came."""
    query: Any = None
    """The operation's query struct."""
    body: Any = None
    """The operation's input struct."""
    content: bytes = b""
    """The bytes of a picture."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What an operation answers. `body` is a struct; None: nothing."""

    body: msgspec.Struct | None = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[["ApiHouse", Call], Awaitable[Any]]
Show = Callable[["ApiHouse", Call, Any], Awaitable[Answer]]


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query without parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of the table.

    `handler` gives an Answer. Where there is `show`, the handler gives what its use case's unit of work returned, and
    `show` makes the Answer of it in the same transaction: with an `Idempotency-Key` the effect and its answer are
    committed together, or neither is.
    """

    method: Method
    path: str
    """Below `/api/v1`."""
    name: str
    """The `operationId`; never changes."""
    tag: str
    summary: str
    description: str = ""
    scope: str | None
    """What the API key needs; None: any key."""
    role: Role | None = None
    """What the key's account has to be in the organization, at least; an organization's own key is an owner."""
    handler: Handler
    show: Show | None = None
    takes: type[msgspec.Struct] | None = None
    optional: bool = False
    """The body may be left out."""
    picture: bool = False
    """The body is a picture."""
    query: type[msgspec.Struct] = Nothing
    gives: type[msgspec.Struct] | None = None
    status: int = 200
    refuses: tuple[str, ...] = ()
    """Codes of the problems that are its own, besides those that its shape brings along."""
    current: Handler | None = None
    """Reads the representation that `If-Match` and `If-None-Match` speak of; its answers have an `ETag`."""
    sent: Any = None
    """An example of the body."""
    given: Any = None
    """An example of the answer."""

    @property
    def parameters(self) -> list[str]:
        """Of the path, in order."""
        return _PARAMETER.findall(self.path)

    @property
    def once(self) -> bool:
        """An `Idempotency-Key` is honoured."""
        return self.show is not None

    @property
    def changes(self) -> bool:
        return self.method != "GET"

    @property
    def media(self) -> tuple[str, ...]:
        """The media types of its body."""
        if self.picture:
            return PICTURES
        if self.takes is None:
            return ()
        return (MERGE_PATCH, JSON) if self.method == "PATCH" else (JSON,)
