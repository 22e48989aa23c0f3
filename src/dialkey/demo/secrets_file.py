"""`demo.env`: the demo's client credentials, as a developer would keep them. Secrets are shown once, so they stand here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_LINE = re.compile(r"([A-Z][A-Z_]*)=([A-Za-z0-9_-]*)")


def read_values(path: Path) -> dict[str, str]:
    """The file's values; none where it is missing."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    return {match[1]: match[2] for line in text.splitlines() if (match := _LINE.fullmatch(line.strip()))}


def write_values(path: Path, values: Mapping[str, str]) -> None:
    """Replaces the file at once, with mode 0600."""
    write_private(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def write_private(path: Path, text: str) -> None:
    """The same for any text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
