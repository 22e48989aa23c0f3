"""The event log of a client."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.insights import Event, Outcome
from dialkey.insights.reasons import FAILED_KINDS, KINDS, by_code
from dialkey.portal.client_views import CLIENT_PLACE
from dialkey.portal.shell_views import Place
from dialkey.web.pages import Page

OUTCOMES = (("", "Everything"), ("failed", "Failures"), ("stopped", "Stopped by the subscriber"), ("ok", "Successes"))
"""What the log can be narrowed to."""
_MARKS = {Outcome.OK: ("ok", "Worked"), Outcome.STOPPED: ("stopped", "Stopped"), Outcome.FAILED: ("failed", "Failed")}
_AT = 1_795_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line, in words."""

    outcome: str
    mark: str
    """The outcome as a word: colour alone tells nothing."""
    what: str
    said: str = ""
    hint: str = ""
    detail: str = ""
    sandbox: bool = False
    request_id: str = ""
    at: int
    times: int = 1

    @classmethod
    def of(cls, event: Event) -> EventRow:
        outcome, mark = _MARKS[event.outcome]
        reason = by_code(event.reason) if event.reason else None
        return cls(
            outcome=outcome,
            mark=mark,
            what=(KINDS if reason is None else FAILED_KINDS)[event.kind],
            said=reason.said if reason else "",
            hint=reason.hint if reason else "",
            detail=event.detail,
            sandbox=event.sandbox,
            request_id=event.request_id,
            at=event.last_at,
            times=event.times,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsPage(Page):
    """The log, newest first. `newest` changes whenever the log does; GET with Accept: application/json tells it."""

    template: ClassVar[str] = "portal/events.html"

    place: Place
    rows: tuple[EventRow, ...] = ()
    only: str = ""
    request_id: str = ""
    outcomes: tuple[tuple[str, str], ...] = OUTCOMES
    newest: str = ""
    live: bool = True
    """False on an earlier page, which does not change."""
    next_url: str | None = None
    first_url: str | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        place = replace(CLIENT_PLACE, section="client-events")
        redirect, fine = by_code("redirect_uri_wrong"), EventRow(
            outcome="ok", mark="Worked", what="Code exchanged", sandbox=True, request_id="Qm9v-7", at=_AT, times=3
        )  # fmt: skip
        failed = EventRow(
            outcome="failed", mark="Failed", what="Authorization request", said=redirect.said, hint=redirect.hint,
            detail="redirect_uri is not registered: https://app.example/callback/", request_id="Qm9v-8", at=_AT,
        )  # fmt: skip
        stopped = EventRow(
            outcome="stopped", mark="Stopped", what="Consent page", said="The subscriber pressed Cancel.",
            hint="Nothing to mend: let people go on without it.", detail="cancelled at consent", at=_AT,
        )  # fmt: skip
        base = cls(place=place, newest="1.a.1")
        return {
            "nothing": base,
            "some": replace(base, rows=(failed, stopped, fine), next_url="/portal/c/c1/events?after=x"),
            "failures": replace(base, rows=(failed,), only="failed"),
            "no_match": replace(base, request_id="zzz"),
            "earlier": replace(base, rows=(fine,), live=False, first_url="/portal/c/c1/events"),
        }
