"""The reference of the API as Markdown, for the documentation."""

from __future__ import annotations

from dialkey.api.documents import openapi_text, reference_page
from dialkey.api.problems import PROBLEMS
from dialkey.api.table import OPERATIONS
from dialkey.api.views import FieldRow, OperationRow

ISSUER = "https://id.example"


def openapi_file() -> str:
    """What `/api/openapi.json` says, for a server called `https://id.example`."""
    return openapi_text(OPERATIONS, ISSUER)


def markdown(notice: str) -> str:
    """`docs/reference/api.md`."""
    page = reference_page(OPERATIONS, ISSUER)
    parts = ["# Developer API\n", notice]
    parts += [f"**{title}.** {text}\n" if title else f"{text}\n" for title, text in page.introduction]
    parts.append(
        "A server shows all this at `/api`, and as an OpenAPI 3.1 document at `/api/openapi.json`\n"
        "([a copy](openapi.json)). How to use it from a script:\n"
        "[Manage clients from CI](../how-to/manage-clients-from-ci.md).\n"
    )
    for group in page.groups:
        parts.append(f"## {group.name}\n")
        parts += map(_operation, group.operations)
    parts += ["## Problems\n", "| status | code | what it means |\n|---|---|---|"]
    rows = [
        f"| {problem.status} | `{code}` | {_cell(problem.title)}{_more(problem.explanation)} |"
        for code, problem in PROBLEMS.items()
    ]
    return "\n".join([*parts, *rows]) + "\n"


def _operation(row: OperationRow) -> str:
    said = [f"{row.description} {row.needs}." if row.description else f"{row.needs}."]
    if row.once:
        said.append("Takes an `Idempotency-Key`.")
    if row.conditional:
        said.append("Takes `If-Match`.")
    parts = [f"### {row.summary}\n", f"`{row.method} {row.path}`\n", f"{' '.join(said)}\n"]
    query = [field for field in row.parameters if field.kind != "path"]
    for fields in (query, row.fields):
        if fields:
            parts += ["| field | | |\n|---|---|---|", *map(_field, fields), ""]
    codes = [f"`{code}`" for status, codes in row.problems if status in (404, 409, 412, 422) for code in codes]
    own = [code for code in codes if code not in ("`not_found`", "`invalid`", "`precondition`")]
    parts.append(f"**{row.status}**" + (f"; refused with {', '.join(own)}" if own else "") + ".\n")
    return "\n".join(parts)


def _field(field: FieldRow) -> str:
    kind = field.kind.removeprefix("query: ")
    return f"| `{field.name}`{' (required)' if field.needed else ''} | {_cell(kind)} | {_cell(field.words)} |"


def _more(text: str) -> str:
    return f". {_cell(text)}" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").rstrip(".")
