"""API keys: an organization's and one's own; each is shown once, in the answer to the form that made it."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.clock import DAY, Instant, after
from dialkey.developers.access import GRANTS, Role
from dialkey.developers.keys import ApiKey
from dialkey.portal.account import strong_session
from dialkey.portal.house import PortalHouse
from dialkey.portal.key_views import EXPIRIES, KeyMadePage, KeyRevokePage, KeyRow, KeysPage, NewKeyPage
from dialkey.portal.once import new_ticket, spend_ticket
from dialkey.portal.organizations import own_membership, place_of, problems_of
from dialkey.portal.shell_views import Place
from dialkey.web.errors import Refusal

NEW, REVOKE = "keys.new", "keys.revoke"
_PERSONAL = Place(section="account-keys")


class KeyPages:
    """See the module. The pages are the same for both kinds; `organization` in the address makes the difference."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [
            route
            for base in ("/portal/o/{organization}/keys", "/portal/account/keys")
            for route in (
                Route(base, self.show, methods=["GET"]),
                Route(f"{base}/new", self.new, methods=["GET"]),
                Route(f"{base}/new", self.create, methods=["POST"]),
                Route(f"{base}/{{key}}/revoke", self.ask_revoke, methods=["GET"]),
                Route(f"{base}/{{key}}/revoke", self.revoke, methods=["POST"]),
            )
        ]

    async def show(self, request: Request) -> Response:
        house = self._house
        await house.actor(request)
        place, closing = _PERSONAL, False
        if _organization(request) is not None:
            membership = await own_membership(house, request)
            place, closing = place_of(membership, "org-keys"), membership.closes_at is not None
            if not place.may_own:
                return await house.page(request, KeysPage(place=place, base=_base(request), allowed=False))
        now = house.clock.now()
        keys = tuple(_row(key, now) for key in await self._list(request))
        return await house.page(request, KeysPage(place=place, base=_base(request), keys=keys, closing=closing))

    async def new(self, request: Request) -> Response:
        page = await self._new_page(request)
        await strong_session(self._house, request)
        return await self._house.page(request, page)

    async def create(self, request: Request) -> Response:
        house, organization_id = self._house, _organization(request)
        actor = await house.actor(request)
        await strong_session(house, request)
        form = await house.form(request, NEW)
        name, expires = form.get("name", "").strip(), form.get("expires", "")
        scopes = frozenset(grant for grant in GRANTS if form.get(f"scope.{grant}") == "on")
        page = await self._new_page(request)
        try:
            values = {"name": name, "scopes": scopes, "expires_at": self._expiry(expires)}
            if not await spend_ticket(house, _ticket(request), form.get("ticket", "")):
                return house.go(_base(request), done="already-done")
            if organization_id is None:
                made = await house.keys.create_personal(actor, **values)
            else:
                made = await house.keys.create_for_organization(actor, organization_id, **values)
        except Refusal as refusal:
            typed = replace(page, name=name[:200], chosen=scopes, expires=expires[:10], problems=problems_of(refusal))
            return await house.page(request, typed, status=422)
        api_url = f"{house.settings.base_url}/api/v1/organizations"
        shown = KeyMadePage(place=page.place, base=page.base, name=name, token=made.token, api_url=api_url)
        return await house.page(request, shown)

    async def ask_revoke(self, request: Request) -> Response:
        house = self._house
        place = await self._place(request)
        key_id = request.path_params["key"]
        key = next((key for key in await self._list(request) if key.id == key_id), None)
        if key is None:
            raise Refusal(404, "no_such_key")
        page = KeyRevokePage(
            place=replace(place, section="" if place.organization else "account-keys"),
            base=_base(request),
            csrf=await house.token(request, REVOKE),
            key=_row(key, house.clock.now()),
        )
        return await house.page(request, page)

    async def revoke(self, request: Request) -> Response:
        house, organization_id, key_id = self._house, _organization(request), request.path_params["key"]
        actor = await house.actor(request)
        await house.form(request, REVOKE)
        if organization_id is None:
            await house.keys.revoke_personal(actor, key_id)
        else:
            await house.keys.revoke_of_organization(actor, organization_id, key_id)
        return house.go(_base(request), done="revoked")

    # steps

    async def _place(self, request: Request) -> Place:
        if _organization(request) is None:
            return _PERSONAL
        return place_of(await own_membership(self._house, request, Role.OWNER), "org-keys")

    async def _list(self, request: Request) -> list[ApiKey]:
        actor, organization_id = await self._house.actor(request), _organization(request)
        if organization_id is None:
            return await self._house.keys.list_personal(actor)
        return await self._house.keys.list_of_organization(actor, organization_id)

    async def _new_page(self, request: Request) -> NewKeyPage:
        await self._house.actor(request)
        return NewKeyPage(
            place=await self._place(request),
            base=_base(request),
            csrf=await self._house.token(request, NEW),
            ticket=new_ticket(self._house, _ticket(request)),
        )

    def _expiry(self, choice: str) -> Instant | None:
        if choice not in {days for days, _ in EXPIRIES}:
            raise Refusal(422, "expires_at", field="expires_at")
        return None if choice == "never" else after(self._house.clock.now(), int(choice) * DAY)


def _organization(request: Request) -> str | None:
    return request.path_params.get("organization")


def _base(request: Request) -> str:
    organization_id = _organization(request)
    return "/portal/account/keys" if organization_id is None else f"/portal/o/{organization_id}/keys"


def _ticket(request: Request) -> str:
    return f"{NEW} {_organization(request) or ''}"


def _row(key: ApiKey, now: int) -> KeyRow:
    return KeyRow(
        id=key.id,
        name=key.name,
        hint=key.hint,
        scopes=key.scopes,
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        expired=key.expires_at is not None and key.expires_at <= now,
    )
