"""HTTP calls that the demo's server makes, as its pages show them."""

from __future__ import annotations

from dialkey.demo.views import Exchange
from dialkey.web.calling import Answer, Call, Caller, caller, shortened

__all__ = ["Answer", "Call", "Caller", "caller", "exchange_of", "shortened"]


def exchange_of(call: Call, answer: Answer, base_url: str) -> Exchange:
    """What the page shows of a call."""
    return Exchange(
        title=call.title,
        curl=call.curl(base_url),
        request=call.shown(base_url),
        status=answer.status,
        response=answer.shown(),
    )
