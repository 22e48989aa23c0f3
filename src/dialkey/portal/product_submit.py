"""The Submit tab: what is missing, what this version changes, handing it in, and what came back."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.content import CheckItem, FieldChange, ProductView, VersionInfo
from dialkey.developers.content import Standing as ProductStanding
from dialkey.developers.overview import Submission
from dialkey.portal.house import PortalHouse
from dialkey.portal.product_words import MISSING, anchor, field_title
from dialkey.portal.products import live_number, next_number, product_place, standing
from dialkey.portal.shell_views import Problems
from dialkey.portal.submit_views import ChangeRow, DiscardPage, Side, SubmitItem, SubmitPage, VersionRow
from dialkey.web.errors import Refusal

_PURPOSE = "product.submit"
_PICTURES = ("icon_id", "banner_id")


class SubmitPages:
    """Submit, withdraw, discard."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        base = "/portal/p/{product}/submit"
        self.routes = [
            Route(base, self.show, methods=["GET"]),
            Route(base, self.submit, methods=["POST"]),
            Route(f"{base}/withdraw", self.withdraw, methods=["POST"]),
            Route(f"{base}/discard", self.ask_discard, methods=["GET"]),
            Route(f"{base}/discard", self.discard, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request))

    async def submit(self, request: Request) -> Response:
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        note = form.get("note", "").replace("\r\n", "\n").strip()
        try:
            await house.versions.submit(actor, product_id, note=note)
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            if refusal.code == "in_review":
                return self._back(request, "already-done")
            page = replace(await self._page(request), note=note, problems=Problems.of(refusal))
            return await house.page(request, page, status=422)
        return self._back(request, "submitted")

    async def withdraw(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        await house.form(request, _PURPOSE)
        try:
            await house.versions.withdraw(actor, request.path_params["product"])
        except Refusal as refusal:
            if refusal.code != "not_in_review":
                raise
            return self._back(request, "already-done")
        return self._back(request, "withdrawn")

    async def ask_discard(self, request: Request) -> Response:
        house = self._house
        product = await house.products.get(await house.actor(request), request.path_params["product"])
        if product.open is None:
            return self._back(request, "already-done")
        page = DiscardPage(
            place=await product_place(house, request, product, "product-submit"),
            csrf=await house.token(request, _PURPOSE),
            number=product.open.number,
        )
        return await house.page(request, page)

    async def discard(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        await house.form(request, _PURPOSE)
        try:
            await house.versions.discard(actor, request.path_params["product"])
        except Refusal as refusal:
            if refusal.code != "no_draft":
                raise
            return self._back(request, "already-done")
        return self._back(request, "discarded")

    def _back(self, request: Request, done: str) -> Response:
        return self._house.go(f"/portal/p/{request.path_params['product']}/submit", done=done)

    async def _page(self, request: Request) -> SubmitPage:
        house = self._house
        seen = await house.overview.submission(await house.actor(request), request.path_params["product"])
        product = seen.product
        required = [item for item in seen.items if item.required]
        return SubmitPage(
            place=await product_place(house, request, product, "product-submit"),
            csrf=await house.token(request, _PURPOSE),
            state=_state(seen),
            items=tuple(_item(product.id, item) for item in seen.items),
            done=sum(item.done for item in required),
            needed=len(required),
            changes=tuple(_change(change, product) for change in seen.changes),
            versions=tuple(_version(info) for info in seen.versions if not info.open or info.submitted_at),
            number=next_number(product),
            live=live_number(product),
            approved=product.approved,
            has_draft=product.approved and product.open is not None and not product.locked,
            organization_verified=product.organization_verified,
            standing=standing(product),
        )


def _state(seen: Submission) -> str:
    product = seen.product
    if product.standing is ProductStanding.SUSPENDED:
        return "suspended"
    if product.locked:
        return "review"
    if any(item.required and not item.done for item in seen.items):
        return "missing"
    return "unchanged" if product.approved and not seen.changes else "ready"


def _item(product_id: str, item: CheckItem) -> SubmitItem:
    return SubmitItem(
        title=field_title(item.field),
        text=MISSING.get(item.field, ""),
        href=f"/portal/p/{product_id}/{item.tab}{anchor(item.field, item.tab)}",
        done=item.done,
        required=item.required,
    )


def _change(change: FieldChange, product: ProductView) -> ChangeRow:
    title = field_title(change.field)
    if change.field.startswith("clients."):
        client_id = change.field.removeprefix("clients.").partition(".")[0]
        named = {client.client_id: client.description for client in product.draft.clients}
        title = f"Client {named.get(client_id) or client_id}"
    return ChangeRow(
        title=title,
        before=_side(change.field, change.before),
        after=_side(change.field, change.after),
        needs_review=change.needs_review,
    )


def _side(field: str, value: str | tuple[str, ...] | None) -> Side:
    if not value:
        return Side()
    if field in _PICTURES and isinstance(value, str):
        return Side(picture_url=f"/media/{value}")
    return Side(lines=(value,) if isinstance(value, str) else tuple(value))


def _version(info: VersionInfo) -> VersionRow:
    return VersionRow(
        number=info.number,
        state=info.state.value,
        note=info.note,
        comment=info.comment,
        submitted_at=info.submitted_at,
        decided_at=info.decided_at,
    )
