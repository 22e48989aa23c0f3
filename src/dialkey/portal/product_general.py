"""The General tab: what subscribers and operators read of a product."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.content import Picture, ProductContent, ProductKind, ProductPatch, ProductView
from dialkey.developers.markdown import render as render_markdown
from dialkey.developers.products import MAX_SCREENSHOTS
from dialkey.portal.house import PortalHouse
from dialkey.portal.product_views import GeneralPage, GeneralValues, Shot
from dialkey.portal.products import media_url, product_place, standing
from dialkey.portal.shell_views import Problems
from dialkey.web.errors import Refusal

_PURPOSE = "product.general"
_PICTURES = {picture.value: picture for picture in Picture}


class GeneralPages:
    """Texts in one form, each picture in a form of its own."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [
            Route("/portal/p/{product}/general", self.show, methods=["GET"]),
            Route("/portal/p/{product}/general", self.save, methods=["POST"]),
            Route("/portal/p/{product}/pictures", self.upload, methods=["POST"]),
            Route("/portal/p/{product}/pictures/remove", self.remove, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request))

    async def save(self, request: Request) -> Response:
        """Saves, or shows the description as it will be read (`do=preview`)."""
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        values = _typed(form)
        if form.get("do") == "preview":
            page = await self._page(request)
            text = values.description or "*Nothing to show yet.*"
            return await house.page(request, replace(page, values=values, preview=render_markdown(text)))
        try:
            await house.products.update(actor, product_id, _patch(values))
        except Refusal as refusal:
            return await self._again(request, refusal, values)
        return house.go(f"/portal/p/{product_id}/general", done="saved")

    async def upload(self, request: Request) -> Response:
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.upload_form(request, _PURPOSE)
        picture = _picture(form.fields)
        file = form.files.get("file")
        try:
            if file is None:
                raise Refusal(422, "file_missing", field=picture.value)
            await house.products.set_picture(actor, product_id, picture, file.content)
        except Refusal as refusal:
            return await self._again(request, refusal, None, field=picture.value)
        return house.go(f"/portal/p/{product_id}/general", done="uploaded")

    async def remove(self, request: Request) -> Response:
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        try:
            await house.products.remove_picture(actor, product_id, _picture(form), form.get("image"))
        except Refusal as refusal:
            return await self._again(request, refusal, None)
        return house.go(f"/portal/p/{product_id}/general", done="removed")

    async def _again(
        self, request: Request, refusal: Refusal, values: GeneralValues | None, field: str = ""
    ) -> Response:
        """The page with what was typed and why it was refused."""
        if refusal.status != 422 and refusal.code != "in_review":
            raise refusal
        page = await self._page(request)
        problems = Problems.of(refusal, field if refusal.status == 422 else "")
        page = replace(page, values=values or page.values, problems=problems)
        return await self._house.page(request, page, status=422)

    async def _page(self, request: Request) -> GeneralPage:
        house = self._house
        product = await house.products.get(await house.actor(request), request.path_params["product"])
        place = await product_place(house, request, product, "product-general")
        return _page(product, place, await house.token(request, _PURPOSE))


def _page(product: ProductView, place, csrf: str) -> GeneralPage:  # type: ignore[no-untyped-def]
    content = product.draft
    return GeneralPage(
        place=place,
        csrf=csrf,
        values=_values(content),
        operator_product=product.kind is ProductKind.OPERATOR,
        icon_url=media_url(content.icon_id),
        banner_url=media_url(content.banner_id),
        screenshots=tuple(Shot(id=one, url=f"/media/{one}") for one in content.screenshots),
        most_screenshots=MAX_SCREENSHOTS,
        standing=standing(product),
        approved=product.approved,
    )


def _values(content: ProductContent) -> GeneralValues:
    return GeneralValues(
        name=content.name,
        subtitle=content.subtitle,
        description=content.description,
        price=content.price,
        accent=content.accent,
        support=content.support or "",
        product_url=content.product_url or "",
        terms_url=content.terms_url or "",
        privacy_url=content.privacy_url or "",
        new_terms=content.new_terms,
    )


def _typed(form: dict[str, str]) -> GeneralValues:
    """The form always has all of these fields; one without a value is empty."""
    return GeneralValues(
        name=form.get("name", "").strip(),
        subtitle=form.get("subtitle", "").strip(),
        description=form.get("description", "").replace("\r\n", "\n").strip(),
        price=form.get("price", "").strip(),
        accent=form.get("accent", "#1f5eff").strip().lower(),
        support=form.get("support", "").strip(),
        product_url=form.get("product_url", "").strip(),
        terms_url=form.get("terms_url", "").strip(),
        privacy_url=form.get("privacy_url", "").strip(),
        new_terms="new_terms" in form,
    )


def _patch(values: GeneralValues) -> ProductPatch:
    return ProductPatch(
        name=values.name,
        subtitle=values.subtitle,
        description=values.description,
        price=values.price,
        accent=values.accent,
        support=values.support,
        product_url=values.product_url,
        terms_url=values.terms_url,
        privacy_url=values.privacy_url,
        new_terms=values.new_terms,
    )


def _picture(form: dict[str, str]) -> Picture:
    picture = _PICTURES.get(form.get("picture", ""))
    if picture is None:
        raise Refusal(400, "malformed")
    return picture
