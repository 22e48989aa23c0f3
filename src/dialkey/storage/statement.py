"""SQL text that both databases run.

Parameters are written `:name`. A *batched* statement names its parameters with types and refers to them as `v.name`;
on PostgreSQL many concurrent calls become one statement over arrays, on SQLite each call runs by itself inside a shared
commit. Placeholders:

`{from_batch}` / `{join_batch}`  where the batch joins (`FROM …` of an UPDATE, or the first table of a SELECT)
`{ordinal}`                      first column of a batched result
`{skip_locked}`                  `FOR UPDATE SKIP LOCKED` where the database knows it
`{bytes}`                        the type of a byte string
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Row = Any
"""A row: fields by name."""

_NAME = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
_BATCH_NAME = re.compile(r"\bv\.([a-z_][a-z0-9_]*)")


class Statement:
    """One SQL statement. `batch` maps parameter names to PostgreSQL types; without it the statement is not coalesced."""

    __slots__ = ("batch", "name", "postgres", "postgres_names", "sqlite", "writes")

    def __init__(self, name: str, text: str, *, batch: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.batch = dict(batch) if batch else None
        text = " ".join(text.split())
        self.writes = not text.startswith(("SELECT", "WITH"))
        self.sqlite = self._for_sqlite(text)
        self.postgres_names: tuple[str, ...] = ()
        self.postgres = self._for_postgres(text)

    def _for_sqlite(self, text: str) -> str:
        text = text.replace("{skip_locked}", "").replace("{bytes}", "BLOB").replace("{ordinal}", "")
        if self.batch is None:
            return text
        text = text.replace("{from_batch}", "").replace("{join_batch}", "")
        return _BATCH_NAME.sub(r":\1", text)

    def _for_postgres(self, text: str) -> str:
        text = text.replace("{skip_locked}", "FOR UPDATE SKIP LOCKED").replace("{bytes}", "BYTEA")
        if self.batch is None:
            names: list[str] = []

            def numbered(match: re.Match[str]) -> str:
                name = match[1]
                if name not in names:
                    names.append(name)
                return f"${names.index(name) + 1}"

            text = _NAME.sub(numbered, text)
            self.postgres_names = tuple(names)
            return text
        self.postgres_names = tuple(self.batch)
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(self.batch.values(), 1))
        source = f"unnest({arrays}) WITH ORDINALITY AS v({', '.join(self.batch)}, n)"
        return (
            text.replace("{from_batch}", f"FROM {source}")
            .replace("{join_batch}", f"{source} CROSS JOIN")
            .replace("{ordinal}", "v.n AS n_,")
        )

    def __repr__(self) -> str:
        return f"<Statement {self.name}>"
