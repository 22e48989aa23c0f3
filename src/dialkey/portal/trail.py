"""What happened in an organization: the audit log with its export, and notices."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dialkey.developers.trail import TrailEvent
from dialkey.portal import trail_words
from dialkey.portal.house import PortalHouse
from dialkey.portal.organizations import own_membership, place_of
from dialkey.portal.trail_views import GROUPS, NoticeRow, NoticesPage, TrailPage, TrailRow
from dialkey.web.http import NO_STORE

EXPORT, READ = "trail.export", "notices.read"


class TrailPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        audit, notices = "/portal/o/{organization}/audit", "/portal/o/{organization}/notifications"
        self.routes = [
            Route(audit, self.show, methods=["GET"]),
            Route(f"{audit}/export", self.to_audit, methods=["GET"]),
            Route(f"{audit}/export", self.export, methods=["POST"]),
            Route(notices, self.notices, methods=["GET"]),
            Route(notices, self.mark_read, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        house, query = self._house, request.query_params
        actor = await house.actor(request)
        membership = await own_membership(house, request)
        tag, by, cursor = _tag(query.get("tag", "")), query.get("by", "")[:80], query.get("cursor") or None
        found = await house.trail.list_events(actor, membership.organization_id, tag=tag, by=by, cursor=cursor)
        base = f"/portal/o/{membership.organization_id}/audit"
        narrowed = {name: value for name, value in (("tag", tag), ("by", by)) if value}
        page = TrailPage(
            place=place_of(membership, "org-audit"),
            base=base,
            csrf=await house.token(request, EXPORT),
            rows=tuple(_row(event, base) for event in found.events),
            tag=tag,
            by=by,
            who=(found.events[0].actor_name if found.events else "they") if by else "",
            first_url=_address(base, narrowed) if cursor else None,
            next_url=_address(base, {**narrowed, "cursor": found.cursor}) if found.cursor else None,
        )
        return await house.page(request, page)

    async def to_audit(self, request: Request) -> Response:
        """The address of a form, typed or reloaded."""
        return self._house.go(f"/portal/o/{request.path_params['organization']}/audit")

    async def export(self, request: Request) -> Response:
        house, organization_id = self._house, request.path_params["organization"]
        actor = await house.actor(request)
        form = await house.form(request, EXPORT)
        pieces = await house.trail.export(
            actor, organization_id, tag=_tag(form.get("tag", "")), by=form.get("by", "")[:80]
        )
        headers = {
            **NO_STORE,
            "Content-Disposition": 'attachment; filename="audit-log.csv"',
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingResponse(pieces, 200, headers, "text/csv; charset=utf-8")

    async def notices(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        membership = await own_membership(house, request)
        rows = []
        for notice in await house.notices.list_mine(actor, membership.organization_id):
            words, action = trail_words.notice(notice.kind, notice.data)
            path = house.safe_next(notice.path)
            rows.append(NoticeRow(at=notice.at, words=words, path=path, action=action, unread=notice.unread))
        page = NoticesPage(
            place=place_of(membership, "org-notifications"), csrf=await house.token(request, READ), rows=tuple(rows)
        )
        return await house.page(request, page)

    async def mark_read(self, request: Request) -> Response:
        organization_id = request.path_params["organization"]
        actor = await self._house.actor(request)
        await self._house.form(request, READ)
        await self._house.notices.mark_read(actor, organization_id)
        return self._house.go(f"/portal/o/{organization_id}/notifications")


def _tag(text: str) -> str:
    """One of the groups; everything, where it is none."""
    return text if text in {key for key, _ in GROUPS} else ""


def _address(base: str, query: dict[str, str]) -> str:
    return f"{base}?{urlencode(query)}" if query else base


def _row(event: TrailEvent, base: str) -> TrailRow:
    known = event.actor.startswith(("account:", "key:"))
    return TrailRow(
        at=event.at,
        words=trail_words.event(event.tag),
        tag=event.tag,
        who=event.actor_name,
        by_url=_address(base, {"by": event.actor}) if known else None,
        subject=event.subject,
        data=event.data,
    )
