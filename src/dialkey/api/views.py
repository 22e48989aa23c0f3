"""The pages about the API: every operation, and every problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.web.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """A field of a body, or a parameter."""

    name: str
    kind: str
    needed: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    needs: str
    parameters: tuple[FieldRow, ...]
    fields: tuple[FieldRow, ...]
    example: str
    """A curl command."""
    status: int
    answer: str
    """An example; empty: nothing."""
    problems: tuple[tuple[int, tuple[str, ...]], ...]
    """(status, codes)."""
    once: bool
    conditional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationGroup:
    """Operations about one thing."""

    id: str
    name: str
    operations: tuple[OperationRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReferencePage(Page):
    """The reference at `/api`."""

    template: ClassVar[str] = "api/reference.html"

    introduction: tuple[tuple[str, str], ...]
    groups: tuple[OperationGroup, ...]

    @classmethod
    def samples(cls) -> dict[str, Page]:
        operation = OperationRow(
            id="create_client",
            method="POST",
            path="/api/v1/products/{product_id}/clients",
            summary="Create a client",
            description="The answer has the secret, this once.",
            needs="Scope `clients:write`, role developer",
            parameters=(FieldRow(name="product_id", kind="path", needed=True, words="A product."),),
            fields=(FieldRow(name="kind", kind="web, native, browser, machine", needed=True, words=""),),
            example="curl -X POST …",
            status=201,
            answer='{"client_id": "…"}',
            problems=((404, ("no_such_product",)), (422, ("redirect_uri", "invalid"))),
            once=True,
            conditional=True,
        )
        group = OperationGroup(id="clients", name="Clients", operations=(operation,))
        return {"one": cls(introduction=(("", "With `code`."), ("Errors", "Problem details.")), groups=(group,))}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """One code."""

    code: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiProblemsPage(Page):
    """The reference of problems at `/api/problems`."""

    template: ClassVar[str] = "api/problems.html"

    groups: tuple[tuple[int, str, tuple[ProblemRow, ...]], ...]
    """(status, its phrase, codes)."""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        row = ProblemRow(code="in_review", title="A version is in review", detail="Withdraw it first.")
        return {"one": cls(groups=((409, "Conflict", (row,)),))}
