"""GET /products/v0/tenants/{tenant}/products: what an operator has enabled, for products of that operator."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.ids import looks_like_id
from dialkey.consent import on_behalf_store as store
from dialkey.oauth.callers import Caller, Callers
from dialkey.oauth.errors import InvalidRequest, NotReached
from dialkey.productapi.answering import Api, number_in, query_of
from dialkey.storage import Row, Storage
from dialkey.web.http import json_response

SCOPES = ("products.tenant:read", "products.list_for_tenant:read")


class ProductRoutes:
    """A product sees the products of the operators that have it enabled itself."""

    def __init__(self, callers: Callers, storage: Storage, base_url: str) -> None:
        self._storage = storage
        self._base = base_url
        api = Api(callers)
        self.routes = [Route("/products/v0/tenants/{tenant}/products", api(self.list), methods=["GET"])]

    async def list(self, request: Request, caller: Caller) -> Response:
        """By pages, in the order of their ids."""
        caller.need(*SCOPES)
        query = query_of(request, frozenset({"page_size", "page_token"}))
        size = number_in(query, "page_size", 100, 1, 1000)
        after = query.get("page_token", "")
        if after and not looks_like_id(after):
            raise InvalidRequest("page_token", description="The page_token is not one of ours.")
        slug = request.path_params["tenant"]
        operator = await self._storage.read.one(store.OPERATOR_BY_SLUG, slug=slug, product_id=caller.client.product.id)
        if operator is None or operator.enabled_at is None:
            raise NotReached("operator not reached", description="Your product does not reach this operator.")
        rows = await self._storage.read.all(store.PRODUCTS_AT, slug=slug, after=after, most=size + 1)
        token = rows[size - 1].id if len(rows) > size else ""
        return json_response(
            {"products": [self._told(row) for row in rows[:size]], "pagination": {"nextPageToken": token}}
        )

    def _told(self, row: Row) -> dict[str, Any]:
        return {
            "id": row.id,
            "name": row.name,
            "subtitle": row.subtitle,
            "productUrl": row.product_url,
            "description": row.description,
            "icon": self._image(row.icon_id),
            "banner": self._image(row.banner_id),
            "images": [self._image(id) for id in row.screenshots.split()],
        }

    def _image(self, image_id: str | None) -> dict[str, str] | None:
        return None if image_id is None else {"url": f"{self._base}/media/{image_id}"}
