"""What a product needs before it is handed in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dialkey.developers.content import Availability, CheckItem, ClientContent, ProductContent, ProductKind


def checklist(
    content: ProductContent,
    *,
    kind: ProductKind,
    availability: Availability,
    listed: int,
    clients: Sequence[ClientContent],
) -> tuple[CheckItem, ...]:
    """Every item, in the order of the tabs."""
    return tuple(_items(content, kind, availability, listed, clients))


def missing(items: Sequence[CheckItem]) -> tuple[CheckItem, ...]:
    """Those that still keep the product from being handed in."""
    return tuple(item for item in items if item.required and not item.done)


def _items(
    content: ProductContent,
    kind: ProductKind,
    availability: Availability,
    listed: int,
    clients: Sequence[ClientContent],
) -> Iterator[CheckItem]:
    subscriber = kind is ProductKind.SUBSCRIBER
    for field in ("name", "subtitle", "description", "icon_id", "support", "terms_url", "privacy_url"):
        yield _item(field, "general", bool(getattr(content, field)))
    yield _item("price", "general", bool(content.price), required=subscriber)
    for field in ("product_url", "banner_id", "screenshots"):
        yield _item(field, "general", bool(getattr(content, field)), required=False)
    yield _item("scopes", "scopes", bool(content.required_scopes or content.optional_scopes))
    yield _item("operators", "listing", availability is Availability.FULL or listed > 0)
    yield _item("clients", "clients", bool(clients))
    if subscriber:
        yield _item("redirect_uris", "clients", any(client.redirect_uris for client in clients))
    else:
        able = any("client_credentials" in client.grant_types for client in clients)
        yield _item("client_credentials", "clients", able)


def _item(field: str, tab: str, done: bool, *, required: bool = True) -> CheckItem:
    return CheckItem(field=field, tab=tab, required=required, done=done, code=f"missing_{field}")
