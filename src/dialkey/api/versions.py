"""From draft to live: what a version says, what is missing, handing in, taking back."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from dialkey.api.house import ApiHouse
from dialkey.api.operations import BASE, Answer, Call, Operation
from dialkey.api.product_shapes import Version, version_shape
from dialkey.api.shapes import Paging, created, listed, next_address
from dialkey.developers.access import Role
from dialkey.developers.content import FieldChange, ProductContent, VersionInfo, VersionState
from dialkey.developers.versions import MAX_NOTE
from dialkey.web.errors import Refusal

TAG = "Review"


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One complete text of a product."""

    name: str
    subtitle: str
    description: str
    price: str
    accent: str
    support: str | None
    product_url: str | None
    terms_url: str | None
    privacy_url: str | None
    new_terms: bool
    icon_id: str | None
    banner_id: str | None
    screenshots: tuple[str, ...]
    required_scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field that would be another one."""

    field: Annotated[str, Meta(description="Of the product, or `clients.<client_id>` for addresses and new clients.")]
    before: str | tuple[str, ...] | None
    after: str | tuple[str, ...] | None
    needs_review: Annotated[bool, Meta(description="False where it only takes something away.")]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the checklist."""

    field: str
    required: bool
    done: bool


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is being edited, beside what is live."""

    version: Annotated[Version | None, Meta(description="Null: nothing waits, or the product was never approved.")]
    content: Content
    changes: Annotated[tuple[Change, ...], Meta(description="What it would change of an approved product.")]


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """Where a product stands on its way to subscribers."""

    ready: Annotated[bool, Meta(description="It can be handed in.")]
    in_review: bool
    checklist: tuple[Check, ...]
    version: Annotated[Version | None, Meta(description="The draft, or what is in review.")]


class SubmissionNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the reviewer should know."""

    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""


class VersionFull(Version, frozen=True, kw_only=True):
    """A version of a product."""

    content: Content


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, the newest first."""

    data: tuple[Version, ...]
    next: str | None


def _content(content: ProductContent) -> Content:
    return Content(**{name: getattr(content, name) for name in Content.__struct_fields__})


def _change(change: FieldChange) -> Change:
    return Change(field=change.field, before=change.before, after=change.after, needs_review=change.needs_review)


async def get_live(house: ApiHouse, call: Call) -> Answer:
    found = await house.products.get(call.actor, call.path["product_id"])
    return Answer(body=_content(found.live))


async def get_draft(house: ApiHouse, call: Call) -> Answer:
    found = await house.overview.submission(call.actor, call.path["product_id"])
    product = found.product
    return Answer(
        body=Draft(
            version=None if product.open is None else version_shape(product.open),
            content=_content(product.draft),
            changes=tuple(map(_change, found.changes)),
        )
    )


async def discard_draft(house: ApiHouse, call: Call) -> Answer:
    await house.versions.discard(call.actor, call.path["product_id"])
    return Answer()


async def get_submission(house: ApiHouse, call: Call) -> Answer:
    found = await house.overview.submission(call.actor, call.path["product_id"])
    product = found.product
    complete = all(item.done for item in found.items if item.required)
    return Answer(
        body=Submission(
            ready=complete and not product.locked and bool(found.changes or not product.approved),
            in_review=product.locked,
            checklist=tuple(Check(field=item.field, required=item.required, done=item.done) for item in found.items),
            version=None if product.open is None else version_shape(product.open),
        )
    )


async def submit_product(house: ApiHouse, call: Call) -> VersionInfo:
    return await house.versions.submit(call.actor, call.path["product_id"], note=call.body.note)


async def show_version(house: ApiHouse, call: Call, made: VersionInfo) -> Answer:
    return created(f"{BASE}/products/{call.path['product_id']}/versions/{made.number}", version_shape(made))


async def withdraw_submission(house: ApiHouse, call: Call) -> Answer:
    await house.versions.withdraw(call.actor, call.path["product_id"])
    return Answer()


async def list_versions(house: ApiHouse, call: Call) -> Answer:
    after = call.query.after
    if after and not (after.isascii() and after.isdecimal() and len(after) <= 9):
        raise Refusal(400, "cursor")
    page = await house.versions.list(call.actor, call.path["product_id"], after=int(after or 0), limit=call.query.limit)
    data = tuple(map(version_shape, page.items))
    return listed(VersionList(data=data, next=next_address(call, page.next)))


async def get_version(house: ApiHouse, call: Call) -> Answer:
    number = call.path["version"]
    known = number.isascii() and number.isdecimal() and len(number) <= 9
    found = await house.versions.get(call.actor, call.path["product_id"], int(number) if known else 0)
    info = version_shape(found.info)
    fields = {name: getattr(info, name) for name in Version.__struct_fields__}
    return Answer(body=VersionFull(**fields, content=_content(found.content)))


_VERSION = Version(
    number=3,
    state=VersionState.SUBMITTED,
    note="A new terms page.",
    comment="",
    submitted_by="key:u5Kp1vWc8yQzR3nTf6JgMA",
    submitted_at="2026-11-24T09:30:00.000Z",
    decided_at=None,
    created_at="2026-11-24T09:20:00.000Z",
    updated_at="2026-11-24T09:30:00.000Z",
)
_CONTENT = Content(
    name="VoiceBox",
    subtitle="Your voicemail, in one tap",
    description="**VoiceBox** shows your voicemail.",
    price="Free",
    accent="#1f5eff",
    support="help@voicebox.example",
    product_url=None,
    terms_url="https://voicebox.example/terms",
    privacy_url="https://voicebox.example/privacy",
    new_terms=False,
    icon_id=None,
    banner_id=None,
    screenshots=(),
    required_scopes=("openid", "phone"),
    optional_scopes=("voicemail.get",),
)
_FULL = VersionFull(**{name: getattr(_VERSION, name) for name in _VERSION.__struct_fields__}, content=_CONTENT)

OPERATIONS = (
    Operation(
        method="GET",
        path="/products/{product_id}/live",
        name="get_live_product",
        tag=TAG,
        summary="What subscribers meet",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_live,
        gives=Content,
        refuses=("no_such_product",),
        given=_CONTENT,
    ),
    Operation(
        method="GET",
        path="/products/{product_id}/draft",
        name="get_draft",
        tag=TAG,
        summary="What is being edited, and what it would change",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_draft,
        gives=Draft,
        refuses=("no_such_product",),
        given=Draft(
            version=_VERSION,
            content=_CONTENT,
            changes=(
                Change(field="subtitle", before="Your voicemail", after="Your voicemail, in one tap", needs_review=True),
            ),
        ),
    ),
    Operation(
        method="DELETE",
        path="/products/{product_id}/draft",
        name="discard_draft",
        tag=TAG,
        summary="Throw the draft away",
        description="The product is as its live version again. Waiting addresses of clients stay with their clients.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=discard_draft,
        status=204,
        refuses=("no_such_product", "organization_closing", "no_draft"),
    ),
    Operation(
        method="GET",
        path="/products/{product_id}/submission",
        name="get_submission",
        tag=TAG,
        summary="What is missing before a product can be handed in",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_submission,
        gives=Submission,
        refuses=("no_such_product",),
        given=Submission(
            ready=False,
            in_review=False,
            checklist=(
                Check(field="name", required=True, done=True), Check(field="terms_url", required=True, done=False)
            ),
            version=None,
        ),
    ),
    Operation(
        method="POST",
        path="/products/{product_id}/submission",
        name="submit_product",
        tag=TAG,
        summary="Hand a product in for review",
        description="The draft, with the clients and addresses that wait. It cannot be edited until it is decided or\n"
        "withdrawn; subscribers meet the approved version meanwhile.",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=submit_product,
        show=show_version,
        takes=SubmissionNew,
        optional=True,
        gives=Version,
        status=201,
        refuses=(
            "no_such_product", "organization_closing", "in_review", "incomplete", "nothing_changed", "note_length",
            "note_characters",
        ),
        sent=SubmissionNew(note="A new terms page."),
        given=_VERSION,
    ),
    Operation(
        method="DELETE",
        path="/products/{product_id}/submission",
        name="withdraw_submission",
        tag=TAG,
        summary="Take a product back from review",
        scope="products:write",
        role=Role.DEVELOPER,
        handler=withdraw_submission,
        status=204,
        refuses=("no_such_product", "organization_closing", "not_in_review"),
    ),
    Operation(
        method="GET",
        path="/products/{product_id}/versions",
        name="list_versions",
        tag=TAG,
        summary="Versions of a product",
        description="The newest first.",
        scope="products:read",
        role=Role.VIEWER,
        handler=list_versions,
        query=Paging,
        gives=VersionList,
        refuses=("no_such_product", "cursor"),
        given=VersionList(data=(_VERSION,), next=None),
    ),
    Operation(
        method="GET",
        path="/products/{product_id}/versions/{version}",
        name="get_version",
        tag=TAG,
        summary="One version",
        scope="products:read",
        role=Role.VIEWER,
        handler=get_version,
        gives=VersionFull,
        refuses=("no_such_product", "no_such_version"),
        given=_FULL,
    ),
)  # fmt: skip
