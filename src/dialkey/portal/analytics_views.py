"""The Analytics tab of a product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.insights.reading import SPANS, Figure, OperatorLine
from dialkey.portal.product_views import sample_place
from dialkey.portal.shell_views import Place
from dialkey.web.pages import Page

WIDTH, HEIGHT = 720, 160
"""Of the chart, in its own units."""
_AT = 1_795_000_000_000
NONE = Figure(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the funnel; `part` is its share of the first, in thousandths."""

    title: str
    figure: Figure
    part: int
    of_previous: str = ""
    """`92 %` of the step before, where that can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stretch of time: two bars over each other, in the chart's units."""

    at: int
    title: str
    started: Figure
    finished: Figure
    x: float
    width: float
    started_height: float
    finished_height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    what: str
    said: str
    hint: str
    times: int
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsPage(Page):
    """Figures of a product. Shown by GET with `span`, `client`, `operator` and `traffic=sandbox`."""

    template: ClassVar[str] = "portal/analytics.html"

    place: Place
    span: str
    span_title: str
    client: str = ""
    clients: tuple[tuple[str, str], ...] = ()
    operator: str = ""
    sandbox: bool = False
    steps: tuple[Step, ...] = ()
    bars: tuple[Bar, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    """(x, words) below the chart."""
    most: int = 0
    """What the chart's full height stands for."""
    returning: int = 0
    refreshed: int = 0
    removed: Figure = NONE
    failures: tuple[FailureRow, ...] = ()
    operators: tuple[OperatorLine, ...] = ()
    csv_url: str = ""
    empty: bool = False
    first_title: str = "Sign-ins started"
    spans: tuple[tuple[str, str], ...] = tuple((span.key, span.title) for span in SPANS)
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def narrowed(self) -> bool:
        return bool(self.client or self.operator)

    @classmethod
    def samples(cls) -> dict[str, Page]:
        counts = (1240, 1103, 987, 941, 938)
        titles = ("Sign-ins started", "PIN sent", "PIN right", "Consent given", "Codes exchanged")
        steps = tuple(
            Step(title=title, figure=Figure(count), part=count * 1000 // 1240, of_previous="" if not n else "90 %")
            for n, (title, count) in enumerate(zip(titles, counts, strict=True))
        )
        bars = tuple(
            Bar(
                at=_AT + day * 86_400_000, title=f"2026-11-{day + 1:02d}",
                started=Figure(30 + day), finished=Figure(20 + day),
                x=day * 24.0, width=18.0, started_height=60.0 + day * 2, finished_height=40.0 + day * 2,
            )
            for day in range(30)
        )  # fmt: skip
        base = cls(place=sample_place("product-analytics", "live"), span="month", span_title="30 days")
        some = replace(
            base, steps=steps, bars=bars, ticks=((0.0, "1 Nov"), (360.0, "15 Nov")), most=60, returning=211, refreshed=5120,
            removed=Figure(14), csv_url="/portal/p/p1/analytics.csv?span=month", clients=(("c1", "Web shop"), ("c2", "App")),
            failures=(
                FailureRow(
                    what="Code exchange", said="The code had expired.", hint="Exchange it at once: it lives for a minute.",
                    times=12, failed=True,
                ),
                FailureRow(what="PIN entered", said="The PIN was wrong.", hint="", times=131, failed=False),
            ),
            operators=(
                OperatorLine("o1", "Nordcell", Figure(620), Figure(540), Figure(610), Figure(0, hidden=True)),
                OperatorLine("o2", "Fjordtel", Figure(360), Figure(310), Figure(320), Figure(0)),
            ),
        )  # fmt: skip
        few = tuple(replace(step, figure=Figure(0, hidden=True), part=0) for step in steps[2:])
        return {
            "empty": replace(base, empty=True),
            "some": some,
            "operator": replace(some, operator="o1", steps=few, failures=(), first_title="PIN right"),
            "sandbox": replace(some, sandbox=True, operators=()),
            "nothing_for_client": replace(base, empty=True, client="c1", clients=(("c1", "Web shop"),)),
        }
