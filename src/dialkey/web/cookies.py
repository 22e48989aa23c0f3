"""Cookies: their attributes follow from the issuer, so that a first run over http://localhost works in every browser."""

from __future__ import annotations

import re

from starlette.requests import Request

_VALUE = re.compile(r"[A-Za-z0-9_.-]{1,512}")


class Cookie:
    """One cookie: `__Host-` and Secure on https; HttpOnly, SameSite=Lax, Path=/ always."""

    __slots__ = ("_attributes", "max_age", "name")

    def __init__(self, name: str, *, secure: bool, max_age: int | None = None) -> None:
        self.name = f"__Host-{name}" if secure else name
        self.max_age = max_age
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def read(self, request: Request) -> str | None:
        """The value; None where the cookie is absent, sent twice with different values, or not one of ours."""
        values = {
            value.strip()
            for header in request.headers.getlist("cookie")
            for name, _, value in (part.partition("=") for part in header.split(";"))
            if name.strip() == self.name
        }
        if len(values) != 1:
            return None
        value = values.pop()
        return value if _VALUE.fullmatch(value) else None

    def put(self, value: str) -> str:
        """The value of a Set-Cookie header."""
        age = "" if self.max_age is None else f"; Max-Age={self.max_age}"
        return f"{self.name}={value}{age}{self._attributes}"

    def drop(self) -> str:
        return f"{self.name}=; Max-Age=0{self._attributes}"
