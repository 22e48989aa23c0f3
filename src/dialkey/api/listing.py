"""Where products are offered, and who has enabled them."""

from __future__ import annotations

from dialkey.api.house import ApiHouse
from dialkey.api.operations import Answer, Call, Operation
from dialkey.api.product_shapes import Listing, ListingChange, Offer, OfferList, OfferQuery
from dialkey.api.shapes import Confirm, listed, next_address, time_or_none
from dialkey.developers.access import Role
from dialkey.developers.content import Availability

TAG = "Listing"


async def get_listing(house: ApiHouse, call: Call) -> Answer:
    found = await house.products.get(call.actor, call.path["product_id"])
    counts = found.counts
    return Answer(
        body=Listing(availability=found.availability, operators_offered=counts.listed, operators_enabled=counts.enabled)
    )


async def change_listing(house: ApiHouse, call: Call) -> Answer:
    await house.products.set_availability(call.actor, call.path["product_id"], call.body.availability)
    return await get_listing(house, call)


async def list_offers(house: ApiHouse, call: Call) -> Answer:
    query: OfferQuery = call.query
    page = await house.products.operators(
        call.actor,
        call.path["product_id"],
        search=query.search,
        offered_only=query.offered,
        after=query.after,
        limit=query.limit,
    )
    data = tuple(
        Offer(
            operator_id=one.operator_id,
            slug=one.slug,
            name=one.name,
            country=one.country,
            offered_at=time_or_none(one.listed_at),
            enabled_at=time_or_none(one.enabled_at),
        )
        for one in page.items
    )
    return listed(OfferList(data=data, next=next_address(call, page.next)))


async def offer_product(house: ApiHouse, call: Call) -> Answer:
    await house.products.offer(call.actor, call.path["product_id"], [call.path["operator_id"]])
    return Answer()


async def withdraw_offer(house: ApiHouse, call: Call) -> Answer:
    await house.products.withdraw_offer(
        call.actor, call.path["product_id"], call.path["operator_id"], confirmed=call.query.confirm
    )
    return Answer()


_LISTING = Listing(availability=Availability.LIMITED, operators_offered=2, operators_enabled=1)

OPERATIONS = (
    Operation(
        method="GET",
        path="/products/{product_id}/listing",
        name="get_listing",
        tag=TAG,
        summary="Who may enable a product",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_listing,
        gives=Listing,
        refuses=("no_such_product",),
        given=_LISTING,
    ),
    Operation(
        method="PATCH",
        path="/products/{product_id}/listing",
        name="change_listing",
        tag=TAG,
        summary="Choose who may enable a product",
        description="`full`: every operator, now and in future. `limited`: those that it is offered to. At once, without\n"
        "review: an operator decides for itself.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=change_listing,
        takes=ListingChange,
        gives=Listing,
        refuses=("no_such_product", "organization_closing"),
        sent=ListingChange(availability=Availability.LIMITED),
        given=_LISTING,
    ),
    Operation(
        method="GET",
        path="/products/{product_id}/listing/operators",
        name="list_offers",
        tag=TAG,
        summary="Operators, and whether a product is offered to them",
        description="In the order of their slugs.",
        scope="products:read",
        role=Role.VIEWER,
        handler=list_offers,
        query=OfferQuery,
        gives=OfferList,
        refuses=("no_such_product",),
        given=OfferList(
            data=(
                Offer(
                    operator_id="c6Dn0aQw9Lr2KxP5uTzV8g",
                    slug="nordcell",
                    name="Nordcell",
                    country="SE",
                    offered_at="2026-11-03T10:00:00.000Z",
                    enabled_at=None,
                ),
            ),
            next=None,
        ),
    ),
    Operation(
        method="PUT",
        path="/products/{product_id}/listing/operators/{operator_id}",
        name="offer_product",
        tag=TAG,
        summary="Offer a product to an operator",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=offer_product,
        status=204,
        refuses=("no_such_product", "no_such_operator", "organization_closing"),
    ),
    Operation(
        method="DELETE",
        path="/products/{product_id}/listing/operators/{operator_id}",
        name="withdraw_offer",
        tag=TAG,
        summary="Withdraw a product from an operator",
        description="Where the operator has it enabled, only with `confirm=true`: its subscribers cannot use it any more.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=withdraw_offer,
        query=Confirm,
        status=204,
        refuses=("no_such_product", "organization_closing", "full_availability", "not_listed", "enabled_there"),
    ),
)
