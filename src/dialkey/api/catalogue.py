"""What every key may read: the scopes that products can ask for, and the operators."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from dialkey.api.house import ApiHouse
from dialkey.api.operations import Answer, Call, Operation
from dialkey.api.shapes import Id, Paging, listed, next_address
from dialkey.directory.catalogue import CATALOGUE
from dialkey.web.i18n import scope_sentence

TAG = "Catalogue"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """A scope that products can ask for."""

    scope: str
    category: str
    description: str
    sentence: Annotated[str, Meta(description="What the consent page says of it, in English.")] | None


class ScopeList(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue."""

    data: tuple[Scope, ...]
    next: str | None = None


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A mobile operator."""

    id: Id
    slug: str
    name: str
    country: Annotated[str, Meta(description="ISO 3166-1 alpha-2.")]


class OperatorList(msgspec.Struct, frozen=True, kw_only=True):
    """Active operators, in the order of their slugs."""

    data: tuple[Operator, ...]
    next: str | None


async def list_scopes(house: ApiHouse, call: Call) -> Answer:
    return listed(_SCOPES)


async def list_operators(house: ApiHouse, call: Call) -> Answer:
    query: Paging = call.query
    found = await house.directory.list_operators(after=query.after, limit=query.limit + 1)
    page = found[: query.limit]
    data = tuple(Operator(id=one.id, slug=one.slug, name=one.name, country=one.country) for one in page if one.active)
    after = page[-1].slug if len(found) > query.limit else None
    return listed(OperatorList(data=data, next=next_address(call, after)))


_SCOPES = ScopeList(
    data=tuple(
        Scope(
            scope=entry.scope,
            category=entry.category,
            description=entry.description,
            sentence=(scope_sentence("en", entry.scope) or entry.description) if entry.subscriber_facing else None,
        )
        for entry in CATALOGUE
    )
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/scopes",
        name="list_scopes",
        tag=TAG,
        summary="Scopes that products can ask for",
        scope=None,
        handler=list_scopes,
        gives=ScopeList,
        given=ScopeList(data=_SCOPES.data[2:4]),
    ),
    Operation(
        method="GET",
        path="/operators",
        name="list_operators",
        tag=TAG,
        summary="Operators",
        scope=None,
        handler=list_operators,
        query=Paging,
        gives=OperatorList,
        given=OperatorList(
            data=(Operator(id="c6Dn0aQw9Lr2KxP5uTzV8g", slug="nordcell", name="Nordcell", country="SE"),), next=None
        ),
    ),
)
