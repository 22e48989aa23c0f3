"""The sandbox of an organization: its test numbers, each with its virtual handset, live, and its forced outcomes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.portal.house import PortalHouse
from dialkey.portal.sandbox_views import (
    SHORT,
    WORDS,
    SandboxEndPage,
    SandboxNumberPage,
    SandboxPage,
    SandboxRow,
    problems_of,
)
from dialkey.portal.shell_views import Named, Place
from dialkey.sms.routes import shown
from dialkey.subscribers.model import ForcedOutcome, SandboxNumber
from dialkey.subscribers.numbering import grouped
from dialkey.web.errors import Refusal
from dialkey.web.http import see_other

_PURPOSE = "sandbox"
_STREAM_LIFETIME = 300.0
"""Seconds after which a browser asks again whether its reader may still see the handset."""
_MOST_BRANDS = 200
_Change = Callable[[dict[str, str]], Awaitable[object]]


class SandboxPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        listed, one = "/portal/o/{organization}/sandbox", "/portal/o/{organization}/sandbox/{number}"
        self.routes = [
            Route(listed, self.show_all, methods=["GET"]),
            Route(f"{listed}/add", self.add, methods=["POST"]),
            Route(f"{listed}/add", self.to_list, methods=["GET"]),
            Route(one, self.show, methods=["GET"]),
            Route(f"{one}/events", self.events, methods=["GET"]),
            Route(f"{one}/outcome", self.set_outcome, methods=["POST"]),
            Route(f"{one}/pin", self.set_pin, methods=["POST"]),
            Route(f"{one}/label", self.label, methods=["POST"]),
            *(Route(f"{one}/{form}", self.to_number, methods=["GET"]) for form in ("outcome", "pin", "label")),
            Route(f"{one}/recycle", self.ask_recycle, methods=["GET"]),
            Route(f"{one}/recycle", self.recycle, methods=["POST"]),
            Route(f"{one}/remove", self.ask_remove, methods=["GET"]),
            Route(f"{one}/remove", self.remove, methods=["POST"]),
        ]

    # the list

    async def show_all(self, request: Request) -> Response:
        """All numbers. The first ten are made when somebody comes by."""
        return await self._house.page(request, await self._list_page(request))

    async def add(self, request: Request) -> Response:
        house, organization_id = self._house, request.path_params["organization"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        count = form.get("count", "1")
        try:
            wanted = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 0
            await house.sandbox.add(actor, organization_id, wanted)
        except Refusal as refusal:
            if refusal.code not in WORDS:
                raise
            page = replace(await self._list_page(request), problems=problems_of(refusal))
            return await house.page(request, page, status=422)
        return house.go(_list_url(request), done="created")

    async def to_list(self, request: Request) -> Response:
        """GET of an address that is only posted to."""
        return see_other(_list_url(request))

    # one number

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._number_page(request))

    async def events(self, request: Request) -> Response:
        """What arrives at its handset, as server-sent events."""
        house = self._house
        found = await house.sandbox.get(
            await house.actor(request), request.path_params["organization"], request.path_params["number"]
        )
        return house.handsets.stream(request, found.number, lifetime=_STREAM_LIFETIME)

    async def set_outcome(self, request: Request) -> Response:
        house = self._house

        async def change(form: dict[str, str]) -> None:
            try:
                outcome = ForcedOutcome(form.get("outcome", ""))
            except ValueError:
                raise Refusal(422, "outcome", field="outcome") from None
            once = form.get("lasts") != "always"
            await house.sandbox.set_outcome(await house.actor(request), *_named(request), outcome, once=once)

        return await self._changed(request, change)

    async def set_pin(self, request: Request) -> Response:
        house = self._house

        async def change(form: dict[str, str]) -> None:
            pin = form.get("pin", "").strip() or None
            await house.sandbox.set_pin(await house.actor(request), *_named(request), pin)

        return await self._changed(request, change)

    async def label(self, request: Request) -> Response:
        house = self._house

        async def change(form: dict[str, str]) -> None:
            await house.sandbox.label(
                await house.actor(request),
                *_named(request),
                label=form.get("label", ""),
                locale=form.get("locale") or None,
                brand_operator_id=form.get("brand") or None,
            )

        return await self._changed(request, change)

    async def to_number(self, request: Request) -> Response:
        """GET of an address that is only posted to."""
        return see_other(_number_url(request))

    async def ask_recycle(self, request: Request) -> Response:
        return await self._ask(request, "recycle")

    async def recycle(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        await house.form(request, _PURPOSE)
        await house.sandbox.recycle(actor, *_named(request))
        return house.go(_number_url(request), done="saved")

    async def ask_remove(self, request: Request) -> Response:
        return await self._ask(request, "remove")

    async def remove(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        await house.form(request, _PURPOSE)
        await house.sandbox.remove(actor, *_named(request))
        return house.go(_list_url(request), done="removed")

    # how they are made

    async def _ask(self, request: Request, act: str) -> Response:
        house = self._house
        found = await house.sandbox.get(await house.actor(request), *_named(request))
        page = SandboxEndPage(
            place=await self._place(request), csrf=await house.token(request, _PURPOSE), row=_row(found), act=act
        )
        return await house.page(request, page)

    async def _changed(self, request: Request, change: _Change) -> Response:
        house = self._house
        form = await house.form(request, _PURPOSE)
        try:
            await change(form)
        except Refusal as refusal:
            if refusal.code not in WORDS:
                raise
            page = await self._number_page(request)
            typed = {name: form.get(name, "") for name in ("pin", "label") if name in form}
            page = replace(page, problems=problems_of(refusal), **typed)
            return await house.page(request, page, status=422)
        return house.go(_number_url(request), done="saved")

    async def _list_page(self, request: Request) -> SandboxPage:
        house = self._house
        numbers = await house.sandbox.list(await house.actor(request), request.path_params["organization"])
        return SandboxPage(
            place=await self._place(request),
            csrf=await house.token(request, _PURPOSE),
            rows=tuple(map(_row, numbers)),
            titles=SHORT,
        )

    async def _number_page(self, request: Request) -> SandboxNumberPage:
        house = self._house
        found, messages = await house.sandbox.handset(await house.actor(request), *_named(request))
        operators = await house.directory.list_operators(limit=_MOST_BRANDS)
        brands = tuple((operator.id, operator.name) for operator in operators if operator.active)
        return SandboxNumberPage(
            place=await self._place(request),
            csrf=await house.token(request, _PURPOSE),
            row=_row(found),
            subject_note=found.subscription_id,
            messages=tuple(shown(message) for message in messages),
            events_url=f"{_list_url(request)}/{found.number[1:]}/events",
            lasts="once" if found.once else "always",
            pin=found.pin or "",
            pin_digits=house.settings.signin.pin_digits,
            label=found.label,
            locale=found.locale or "",
            brand=found.brand_operator_id or "",
            brands=(("", "Neutral: Test operator"), *brands),
        )

    async def _place(self, request: Request) -> Place:
        organization_id = request.path_params["organization"]
        for membership in await self._house.memberships(request):
            if membership.organization_id == organization_id:
                named = Named(id=organization_id, name=membership.organization_name)
                return Place(section="org-sandbox", organization=named, role=membership.role.value)
        raise Refusal(404, "no_such_organization")


def _row(found: SandboxNumber) -> SandboxRow:
    return SandboxRow(
        number=grouped(found.number),
        digits=found.number[1:],
        label=found.label,
        outcome=found.outcome.value,
        once=found.once,
        fixed_pin=found.pin is not None,
    )


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["organization"], request.path_params["number"]


def _list_url(request: Request) -> str:
    return f"/portal/o/{request.path_params['organization']}/sandbox"


def _number_url(request: Request) -> str:
    return f"{_list_url(request)}/{request.path_params['number']}"
