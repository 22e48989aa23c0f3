"""What the checks read and fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import Client


@dataclass(slots=True)
class Draft:
    """A request being checked: its parameters, its client, and the findings."""

    parameters: Mapping[str, str]
    client: Client
    catalogue: frozenset[str]
    """Every scope that there is."""
    scopes: ScopeSet = field(default_factory=ScopeSet)
    code_challenge: str = ""
    prompts: tuple[str, ...] = ()
    max_age: int | None = None
    required_sub: str | None = None
