"""A refusal: an answer that a page gives calmly, with a status, a stable code and data for its words."""

from __future__ import annotations


class Refusal(Exception):
    """Rolls back the unit of work that raises it. `detail` is for the log only."""

    def __init__(self, status: int, code: str, *, detail: str = "", **data: str | int) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail
        self.data = data
