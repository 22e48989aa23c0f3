"""The Scopes tab: what the product's clients may ask for, and what of it a subscriber may decline."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.content import ProductKind
from dialkey.directory.catalogue import BY_SCOPE, CATALOGUE, ScopeEntry
from dialkey.portal.house import PortalHouse
from dialkey.portal.product_views import ScopeGroup, ScopeRow, ScopesPage
from dialkey.portal.products import product_place, standing
from dialkey.portal.shell_views import FieldProblem, Problems
from dialkey.web.errors import Refusal
from dialkey.web.i18n import scope_sentence

_PURPOSE = "product.scopes"


class ScopesPages:
    """One form of the whole catalogue, or of the part that the filter shows."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [
            Route("/portal/p/{product}/scopes", self.show, methods=["GET"]),
            Route("/portal/p/{product}/scopes", self.save, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request))

    async def save(self, request: Request) -> Response:
        """Scopes that the filter hid stay as they are."""
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        product = await house.products.get(actor, product_id)
        shown = [scope for scope in form.get("shown", "").split() if scope in BY_SCOPE]
        stays = [set(old) - set(shown) for old in (product.draft.required_scopes, product.draft.optional_scopes)]
        ticked = {scope for scope in shown if f"on:{scope}" in form}
        declinable = {scope for scope in shown if f"optional:{scope}" in form}
        if alone := sorted(declinable - ticked):
            text = f"{alone[0]} is Optional but not Enabled. Turn on Enabled, or turn off Optional."
            return await self._again(request, Problems((FieldProblem(field="", text=text),)), ticked, declinable)
        try:
            await house.products.set_scopes(
                actor, product_id, required=stays[0] | (ticked - declinable), optional=stays[1] | declinable
            )
        except Refusal as refusal:
            if refusal.status != 422 and refusal.code != "in_review":
                raise
            return await self._again(request, Problems.of(refusal), ticked, declinable)
        return house.go(f"/portal/p/{product_id}/scopes", done="saved")

    async def _again(self, request: Request, problems: Problems, ticked: set[str], declinable: set[str]) -> Response:
        page = await self._page(request)
        groups = tuple(
            replace(
                group,
                rows=tuple(
                    replace(row, enabled=row.scope in ticked, optional=row.scope in declinable) for row in group.rows
                ),
            )
            for group in page.groups
        )
        return await self._house.page(request, replace(page, groups=groups, problems=problems), status=422)

    async def _page(self, request: Request) -> ScopesPage:
        house, query = self._house, request.query_params
        product = await house.products.get(await house.actor(request), request.path_params["product"])
        needed, declinable = set(product.draft.required_scopes), set(product.draft.optional_scopes)
        q, enabled_only = query.get("q", "").strip()[:80], query.get("show") == "enabled"
        entries = [
            entry
            for entry in CATALOGUE
            if _matches(entry, q) and (not enabled_only or entry.scope in needed | declinable)
        ]
        return ScopesPage(
            place=await product_place(house, request, product, "product-scopes"),
            csrf=await house.token(request, _PURPOSE),
            groups=_groups(entries, needed, declinable),
            shown=" ".join(entry.scope for entry in entries),
            needed=_sentences(needed),
            declinable=_sentences(declinable),
            count=len(needed | declinable),
            q=q,
            enabled_only=enabled_only,
            operator_product=product.kind is ProductKind.OPERATOR,
            standing=standing(product),
        )


def _matches(entry: ScopeEntry, q: str) -> bool:
    text = f"{entry.scope} {entry.category} {entry.description}".lower()
    return all(word in text for word in q.lower().split())


def _groups(entries: list[ScopeEntry], needed: set[str], declinable: set[str]) -> tuple[ScopeGroup, ...]:
    by_category: dict[str, list[ScopeRow]] = {}
    for entry in entries:
        row = ScopeRow(
            scope=entry.scope,
            description=entry.description,
            sentence=_sentence(entry),
            enabled=entry.scope in needed or entry.scope in declinable,
            optional=entry.scope in declinable,
        )
        by_category.setdefault(entry.category, []).append(row)
    return tuple(ScopeGroup(category=category, rows=tuple(rows)) for category, rows in by_category.items())


def _sentence(entry: ScopeEntry) -> str:
    """What the consent page says of it, as that page chooses its words."""
    return (scope_sentence("en", entry.scope) or entry.description) if entry.subscriber_facing else ""


def _sentences(scopes: set[str]) -> tuple[str, ...]:
    return tuple(text for entry in CATALOGUE if entry.scope in scopes and (text := _sentence(entry)))
