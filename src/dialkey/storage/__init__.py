"""Storage: one set of SQL on SQLite and PostgreSQL.

The door: `Storage` with `read` (a `Reader`), `write(unit)` (one transaction, committed when the call returns) and
coalesced `Statement`s for the hot path. SQL itself stands in the rooms' `store.py` only.
"""

from dialkey.storage.engine import Reader, Storage, StorageUnavailable, Writer, open_storage
from dialkey.storage.statement import Row, Statement

__all__ = ["Reader", "Row", "Statement", "Storage", "StorageUnavailable", "Writer", "open_storage"]
