"""Products: what they say of themselves, and their scopes."""

from __future__ import annotations

from dialkey.api.house import ApiHouse
from dialkey.api.operations import BASE, Answer, Call, Operation
from dialkey.api.product_shapes import (
    PictureMade,
    Product,
    ProductChange,
    ProductLine,
    ProductList,
    ProductNew,
    ScopeChoice,
    product_shape,
)
from dialkey.api.shapes import Confirm, Paging, created, listed, next_address, time
from dialkey.developers.access import Role
from dialkey.developers.content import Availability, Picture, ProductKind, ProductPatch, Standing
from dialkey.web.errors import Refusal

TAG = "Products"
_ID, _ORGANIZATION = "3yZe7W1kQmC2n0u5vJx8Tg", "9kQ2mVx0T4a7cY1bWnE5Rg"
_NAMES = (
    "name_length", "name_spaces", "name_form", "name_characters", "name_mixed_alphabets", "name_looks_latin",
)  # fmt: skip
_EDIT = ("no_such_product", "organization_closing", "in_review")


async def list_products(house: ApiHouse, call: Call) -> Answer:
    page = await house.products.list(
        call.actor, call.path["organization_id"], after=call.query.after, limit=call.query.limit
    )
    data = tuple(
        ProductLine(
            id=one.id,
            name=one.name,
            subtitle=one.subtitle,
            kind=one.kind,
            standing=one.standing,
            icon_id=one.icon_id,
            clients=one.clients,
            operators_enabled=one.enabled,
            updated_at=time(one.updated_at),
        )
        for one in page.items
    )
    return listed(ProductList(data=data, next=next_address(call, page.next)))


async def create_product(house: ApiHouse, call: Call) -> str:
    body: ProductNew = call.body
    return await house.products.create(call.actor, call.path["organization_id"], name=body.name, kind=body.kind)


async def show_product(house: ApiHouse, call: Call, product_id: str) -> Answer:
    return created(f"{BASE}/products/{product_id}", product_shape(await house.products.get(call.actor, product_id)))


async def get_product(house: ApiHouse, call: Call) -> Answer:
    return Answer(body=product_shape(await house.products.get(call.actor, call.path["product_id"])))


async def change_product(house: ApiHouse, call: Call) -> Answer:
    body: ProductChange = call.body
    texts = {name: value for name in ("subtitle", "description", "price") if (value := getattr(body, name)) is None}
    given = {name: getattr(body, name) for name in body.__struct_fields__}
    patch = ProductPatch(**{**given, **dict.fromkeys(texts, "")})
    await house.products.update(call.actor, call.path["product_id"], patch)
    return await get_product(house, call)


async def delete_product(house: ApiHouse, call: Call) -> Answer:
    await house.products.delete(call.actor, call.path["product_id"], confirmed=call.query.confirm)
    return Answer()


async def get_product_scopes(house: ApiHouse, call: Call) -> Answer:
    found = await house.products.get(call.actor, call.path["product_id"])
    return Answer(body=ScopeChoice(required=found.draft.required_scopes, optional=found.draft.optional_scopes))


async def set_product_scopes(house: ApiHouse, call: Call) -> Answer:
    body: ScopeChoice = call.body
    made = await house.products.set_scopes(
        call.actor, call.path["product_id"], required=body.required, optional=body.optional
    )
    return Answer(body=ScopeChoice(required=made.required_scopes, optional=made.optional_scopes))


async def set_icon(house: ApiHouse, call: Call) -> Answer:
    return await _set_picture(house, call, Picture.ICON)


async def set_banner(house: ApiHouse, call: Call) -> Answer:
    return await _set_picture(house, call, Picture.BANNER)


async def add_screenshot(house: ApiHouse, call: Call) -> Answer:
    return await _set_picture(house, call, Picture.SCREENSHOT)


async def _set_picture(house: ApiHouse, call: Call, picture: Picture) -> Answer:
    made = await house.products.set_picture(call.actor, call.path["product_id"], picture, call.content)
    return Answer(body=PictureMade(id=made, path=f"/media/{made}"))


async def remove_icon(house: ApiHouse, call: Call) -> Answer:
    await house.products.remove_picture(call.actor, call.path["product_id"], Picture.ICON)
    return Answer()


async def remove_banner(house: ApiHouse, call: Call) -> Answer:
    await house.products.remove_picture(call.actor, call.path["product_id"], Picture.BANNER)
    return Answer()


async def remove_screenshot(house: ApiHouse, call: Call) -> Answer:
    product_id, image_id = call.path["product_id"], call.path["picture_id"]
    found = await house.products.get(call.actor, product_id)
    if image_id not in found.draft.screenshots:
        raise Refusal(404, "no_such_picture")
    await house.products.remove_picture(call.actor, product_id, Picture.SCREENSHOT, image_id)
    return Answer()


_LINE = ProductLine(
    id=_ID,
    name="VoiceBox",
    subtitle="Your voicemail, in one tap",
    kind=ProductKind.SUBSCRIBER,
    standing=Standing.LIVE,
    icon_id=None,
    clients=2,
    operators_enabled=1,
    updated_at="2026-11-24T09:30:00.000Z",
)
_PRODUCT = Product(
    id=_ID,
    organization_id=_ORGANIZATION,
    kind=ProductKind.SUBSCRIBER,
    standing=Standing.LIVE_DRAFT,
    approved=True,
    availability=Availability.LIMITED,
    name="VoiceBox",
    subtitle="Your voicemail, in one tap",
    description="**VoiceBox** shows your voicemail.",
    price="Free",
    accent="#1f5eff",
    support="help@voicebox.example",
    product_url="https://voicebox.example/",
    terms_url="https://voicebox.example/terms",
    privacy_url="https://voicebox.example/privacy",
    new_terms=False,
    icon_id=None,
    banner_id=None,
    screenshots=(),
    required_scopes=("openid", "phone"),
    optional_scopes=("voicemail.get",),
    open_version=None,
    last_version=None,
    terms_version=1,
    clients=2,
    operators_offered=2,
    operators_enabled=1,
    has_subscribers=True,
    created_at="2026-11-02T08:20:00.000Z",
    updated_at="2026-11-24T09:30:00.000Z",
)
_SCOPES = ScopeChoice(required=("openid", "phone"), optional=("voicemail.get",))
_PICTURE = PictureMade(id="Jx3kQ9vLw2Rt7YbN5cZsPA", path="/media/Jx3kQ9vLw2Rt7YbN5cZsPA")
_PICTURES = (
    *_EDIT, "picture_type", "picture_broken", "picture_bytes", "picture_small", "picture_large",
)  # fmt: skip


def _picture(what: str, path: str, handler, *refuses: str, method="PUT", status=200) -> Operation:  # type: ignore[no-untyped-def]
    return Operation(
        method=method,
        path=path,
        name=handler.__name__,
        tag=TAG,
        summary=f"{'Add' if method == 'POST' else 'Set'} {what}",
        description="The bytes of a PNG, JPEG or WebP, at most 2 MiB. It is made anew without what else is in the file,\n"
        "and served at `path`. The same picture twice is one.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=handler,
        picture=True,
        gives=PictureMade,
        status=status,
        refuses=(*_PICTURES, *refuses),
        given=_PICTURE,
    )


def _no_picture(what: str, path: str, handler, *refuses: str) -> Operation:  # type: ignore[no-untyped-def]
    return Operation(
        method="DELETE",
        path=path,
        name=handler.__name__,
        tag=TAG,
        summary=f"Take {what} away",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=handler,
        status=204,
        refuses=(*_EDIT, *refuses),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/organizations/{organization_id}/products",
        name="list_products",
        tag=TAG,
        summary="Products of an organization",
        description="The newest first.",
        scope="products:read",
        role=Role.VIEWER,
        handler=list_products,
        query=Paging,
        gives=ProductList,
        refuses=("no_such_organization",),
        given=ProductList(data=(_LINE,), next=None),
    ),
    Operation(
        method="POST",
        path="/organizations/{organization_id}/products",
        name="create_product",
        tag=TAG,
        summary="Create a product",
        description="A draft that the organization's own test numbers can use at once. The rest is filled in with\n"
        "`PATCH`.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=create_product,
        show=show_product,
        takes=ProductNew,
        gives=Product,
        status=201,
        refuses=("no_such_organization", "organization_closing", "too_many_products", *_NAMES),
        sent=ProductNew(name="VoiceBox", kind=ProductKind.SUBSCRIBER),
        given=_PRODUCT,
    ),
    Operation(
        method="GET",
        path="/products/{product_id}",
        name="get_product",
        tag=TAG,
        summary="One product",
        description="What is being edited: the draft where there is one, else what is live.",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_product,
        gives=Product,
        refuses=("no_such_product",),
        current=get_product,
        given=_PRODUCT,
    ),
    Operation(
        method="PATCH",
        path="/products/{product_id}",
        name="change_product",
        tag=TAG,
        summary="Change what a product says",
        description="What is left out stays as it is; null takes a value away. Until the first approval changes are live\n"
        "at once; after it they go to a draft, and subscribers meet the approved version until a new one is approved.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=change_product,
        takes=ProductChange,
        gives=Product,
        refuses=(*_EDIT, *_NAMES, "link", "support", "accent", "description_length", "description_characters"),
        current=get_product,
        sent={"subtitle": "Your voicemail, in one tap", "terms_url": "https://voicebox.example/terms"},
        given=_PRODUCT,
    ),
    Operation(
        method="DELETE",
        path="/products/{product_id}",
        name="delete_product",
        tag=TAG,
        summary="Delete a product",
        description="Its clients stop at once, and its grants are refused. Where subscribers use it, only with\n"
        "`confirm=true`.",
        scope="products:write",
        role=Role.OWNER,
        handler=delete_product,
        query=Confirm,
        status=204,
        refuses=("no_such_product", "organization_closing", "has_subscribers"),
        current=get_product,
    ),
    Operation(
        method="GET",
        path="/products/{product_id}/scopes",
        name="get_product_scopes",
        tag=TAG,
        summary="Scopes of a product",
        description="Of what is being edited.",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_product_scopes,
        gives=ScopeChoice,
        refuses=("no_such_product",),
        current=get_product_scopes,
        given=_SCOPES,
    ),
    Operation(
        method="PUT",
        path="/products/{product_id}/scopes",
        name="set_product_scopes",
        tag=TAG,
        summary="Set all scopes of a product",
        description="Instead of those that it had. A subscriber can decline the optional ones.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=set_product_scopes,
        takes=ScopeChoice,
        gives=ScopeChoice,
        refuses=(*_EDIT, "unknown_scope", "scope_twice", "too_many_scopes"),
        current=get_product_scopes,
        sent=_SCOPES,
        given=_SCOPES,
    ),
    _picture("the icon", "/products/{product_id}/icon", set_icon),
    _no_picture("the icon", "/products/{product_id}/icon", remove_icon),
    _picture("the banner", "/products/{product_id}/banner", set_banner),
    _no_picture("the banner", "/products/{product_id}/banner", remove_banner),
    _picture(
        "a screenshot",
        "/products/{product_id}/screenshots",
        add_screenshot,
        "too_many_screenshots",
        method="POST",
        status=201,
    ),
    _no_picture(
        "a screenshot", "/products/{product_id}/screenshots/{picture_id}", remove_screenshot, "no_such_picture"
    ),
)
