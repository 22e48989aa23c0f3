"""Insights: what a developer may know of the traffic of their clients. A log per client that says what failed, why, and how
to mend it; and counts, for analytics.

The door: `Insights.note`, called by the protocol, which only counts in memory; `Insights.run`, which writes once a second;
and the reading side, for whoever was allowed to before: `EventLog` and `Analytics`.
"""

from dialkey.insights.model import Event, Kind, Outcome
from dialkey.insights.recorder import Insights

__all__ = ["Event", "Insights", "Kind", "Outcome"]
