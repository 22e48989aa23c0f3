"""The event log of a client: what failed, why, and how to mend it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.insights import Outcome
from dialkey.portal.clients import client_place
from dialkey.portal.event_views import EventRow, EventsPage
from dialkey.portal.house import PortalHouse
from dialkey.web.http import json_response


class EventPages:
    """With scripts the page asks every two seconds whether there is something new."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [Route("/portal/c/{client}/events", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        house, query = self._house, request.query_params
        actor = await house.actor(request)
        client = await house.clients.get(actor, request.path_params["client"])
        if request.headers.get("accept") == "application/json":
            return json_response({"newest": await house.event_log.mark(client.id)})
        only = query.get("show", "") if query.get("show") in set(Outcome) else ""
        request_id, after = query.get("request", "").strip()[:64], query.get("after", "")[:64]
        found = await house.event_log.page(
            client.id, only=Outcome(only) if only else None, request_id=request_id, after=after
        )
        base = f"/portal/c/{client.id}/events"
        kept = {name: value for name, value in (("show", only), ("request", request_id)) if value}
        page = EventsPage(
            place=await client_place(house, request, client, "client-events"),
            rows=tuple(map(EventRow.of, found.events)),
            only=only,
            request_id=request_id,
            newest=await house.event_log.mark(client.id),
            live=not after,
            next_url=f"{base}?{urlencode({**kept, 'after': found.next})}" if found.next else None,
            first_url=(f"{base}?{urlencode(kept)}" if kept else base) if after else None,
        )
        return await house.page(request, page)
