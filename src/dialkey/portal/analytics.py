"""The Analytics tab: how far sign-ins come, what stops them, and the same as CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.content import ProductView
from dialkey.developers.trail import csv_line
from dialkey.insights.model import Outcome
from dialkey.insights.reading import FUNNEL, SPANS, Bucket, Figure, Span, Traffic
from dialkey.insights.reasons import FAILED_KINDS, by_code
from dialkey.portal.analytics_views import HEIGHT, WIDTH, AnalyticsPage, Bar, FailureRow, Step
from dialkey.portal.clients import client_name
from dialkey.portal.house import PortalHouse
from dialkey.portal.products import product_place
from dialkey.web.http import NO_STORE

_SPANS = {span.key: span for span in SPANS}
_TICKS = 6


class AnalyticsPages:
    """Both faces ask the same question; who may see the product may see its figures."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        base = "/portal/p/{product}/analytics"
        self.routes = [
            Route(base, self.show, methods=["GET"]),
            Route(f"{base}.csv", self.export, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        house = self._house
        product, clients, asked = await self._asked(request)
        traffic = await self._traffic(product, asked)
        operator = asked["operator"] if asked["operator"] in {line.id for line in traffic.operators} else ""
        kept = {name: value for name, value in {**asked, "operator": operator}.items() if value}
        page = AnalyticsPage(
            place=await product_place(house, request, product, "product-analytics"),
            span=traffic.span.key,
            span_title=traffic.span.title,
            client=asked["client"],
            clients=clients,
            operator=operator,
            sandbox=bool(asked["traffic"]),
            steps=_steps(traffic),
            bars=_bars(traffic),
            ticks=_ticks(traffic),
            most=_most(traffic),
            returning=traffic.returning,
            refreshed=traffic.refreshed,
            removed=traffic.removed,
            failures=tuple(
                FailureRow(
                    what=FAILED_KINDS[failure.kind],
                    said=by_code(failure.reason).said,
                    hint=by_code(failure.reason).hint if failure.outcome is Outcome.FAILED else "",
                    times=failure.times,
                    failed=failure.outcome is Outcome.FAILED,
                )
                for failure in traffic.failures
            ),
            operators=traffic.operators,
            csv_url=f"/portal/p/{product.id}/analytics.csv?{urlencode(kept)}",
            empty=traffic.empty,
            first_title=FUNNEL[2 if operator else 0][1],
        )
        return await house.page(request, page)

    async def export(self, request: Request) -> Response:
        """RFC 4180; a line per stretch of time, then the reasons of what failed."""
        product, _, asked = await self._asked(request)
        traffic = await self._traffic(product, asked)
        lines = [csv_line(("begins", traffic.funnel[0][1], FUNNEL[-1][1]))]
        lines += [csv_line((_iso(bucket.at), bucket.started.text, bucket.finished.text)) for bucket in traffic.buckets]
        lines.append(csv_line(("", "", "")))
        lines += [csv_line(("total", title, figure.text)) for _, title, figure in traffic.funnel]
        lines.append(csv_line(("total", "Products removed", traffic.removed.text)))
        for failure in traffic.failures:
            what = f"{FAILED_KINDS[failure.kind]}: {by_code(failure.reason).said}"
            lines.append(csv_line((failure.outcome.value, what, str(failure.times))))
        for line in traffic.operators:
            lines.append(csv_line(("operator", f"{line.name}: PIN right", line.right.text)))
        headers = {**NO_STORE, "Content-Disposition": 'attachment; filename="analytics.csv"'}
        return Response(b"".join(lines), 200, headers, "text/csv; charset=utf-8")

    async def _asked(self, request: Request) -> tuple[ProductView, tuple[tuple[str, str], ...], dict[str, str]]:
        house, query = self._house, request.query_params
        actor = await house.actor(request)
        product = await house.products.get(actor, request.path_params["product"])
        found = await house.clients.list(actor, product.id)
        clients = tuple((line.id, client_name(line.description, line.id)) for line in found.items)
        client = query.get("client", "")
        return (
            product,
            clients,
            {
                "span": query.get("span", "") if query.get("span") in _SPANS else "week",
                "client": client if client in {id for id, _ in clients} else "",
                "operator": query.get("operator", "")[:64],
                "traffic": "sandbox" if query.get("traffic") == "sandbox" else "",
            },
        )

    async def _traffic(self, product: ProductView, asked: dict[str, str]) -> Traffic:
        return await self._house.analytics.traffic(
            product.id,
            _SPANS[asked["span"]],
            client_id=asked["client"],
            operator_id=asked["operator"],
            sandbox=bool(asked["traffic"]),
        )


def _steps(traffic: Traffic) -> tuple[Step, ...]:
    first = max((figure.times for _, _, figure in traffic.funnel), default=0) or 1
    steps, before = [], 0
    for _, title, figure in traffic.funnel:
        share = f"{figure.times * 100 // before} %" if before and not figure.hidden and figure.times <= before else ""
        steps.append(Step(title=title, figure=figure, part=figure.times * 1000 // first, of_previous=share))
        before = figure.times
    return tuple(steps)


def _most(traffic: Traffic) -> int:
    """The next round number above everything in the chart."""
    highest = max((max(bucket.started.times, bucket.finished.times) for bucket in traffic.buckets), default=0)
    step = 10 ** max(len(str(highest)) - 1, 0)
    return max(4, -(-highest // step) * step)


def _bars(traffic: Traffic) -> tuple[Bar, ...]:
    most, width = _most(traffic), WIDTH / len(traffic.buckets)

    def bar(n: int, bucket: Bucket) -> Bar:
        return Bar(
            at=bucket.at,
            title=_words(traffic.span, bucket.at),
            started=bucket.started,
            finished=bucket.finished,
            x=round(n * width, 2),
            width=round(max(width * 0.76, 0.8), 2),
            started_height=_height(bucket.started, most),
            finished_height=_height(bucket.finished, most),
        )

    return tuple(bar(n, bucket) for n, bucket in enumerate(traffic.buckets))


def _height(figure: Figure, most: int) -> float:
    """A hidden figure has a stub: somebody was there."""
    return 3.0 if figure.hidden else round(figure.times / most * HEIGHT, 1)


def _ticks(traffic: Traffic) -> tuple[tuple[float, str], ...]:
    count = len(traffic.buckets)
    every = max(1, -(-count // _TICKS))
    return tuple(
        (round(n * WIDTH / count, 1), _words(traffic.span, traffic.buckets[n].at, short=True))
        for n in range(0, count, every)
    )


def _words(span: Span, at: int, *, short: bool = False) -> str:
    moment = datetime.fromtimestamp(at / 1000, tz=UTC)
    if span.key == "day":
        return moment.strftime("%H:%M" if short else "%Y-%m-%d %H:%M")
    if span.step == "hour" and not short:
        return moment.strftime("%Y-%m-%d %H:%M")
    return f"{moment.day} {moment:%b}" if short else moment.strftime("%Y-%m-%d")


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
