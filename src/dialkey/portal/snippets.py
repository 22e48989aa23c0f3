"""Ready code for one client: curl, Python, JavaScript, Java and Go, with the client's own values in it.

Secrets never stand in code: every snippet reads `DIALKEY_CLIENT_SECRET` from the environment, as the `.env` file that a
developer downloads once names it. Values are quoted for each language; nothing that a developer registered can end a
string.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from dialkey.portal.snippet_compiled import go, scribe, spring
from dialkey.portal.snippet_scripts import Target, curl, javascript, python_authlib, python_requests

__all__ = ["KEYS", "Snippet", "Target", "env_file", "offered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Code in one language."""

    key: str
    language: str
    library: str
    file: str
    install: str
    code: str


@dataclass(frozen=True, slots=True)
class _Kind:
    key: str
    language: str
    library: str
    file: str
    install: str
    make: Callable[[Target], str]
    signs: bool = True
    """Whether the code can be written for a client that signs."""


_KINDS = (
    _Kind("curl", "curl", "curl", "walkthrough.sh", "", curl),
    _Kind(
        "python", "Python", "requests-oauthlib", "app.py", "pip install requests-oauthlib", python_requests, signs=False
    ),
    _Kind("authlib", "Python", "Authlib", "app.py", "pip install authlib requests", python_authlib),
    _Kind("javascript", "JavaScript", "openid-client", "app.mjs", "npm install openid-client", javascript),
    _Kind(
        "spring",
        "Java",
        "Spring Security",
        "DialkeyClient.java",
        "org.springframework.boot:spring-boot-starter-oauth2-client",
        spring,
    ),
    _Kind("scribe", "Java", "ScribeJava", "Dialkey.java", "com.github.scribejava:scribejava-core", scribe, signs=False),
    _Kind("go", "Go", "golang.org/x/oauth2", "main.go", "go get golang.org/x/oauth2", go, signs=False),
)

KEYS = tuple(kind.key for kind in _KINDS)


def offered(target: Target) -> tuple[Snippet, ...]:
    """All snippets that can be written for this client, curl first."""
    return tuple(
        Snippet(
            key=kind.key,
            language=kind.language,
            library=kind.library,
            file=kind.file,
            install=kind.install,
            code=kind.make(target),
        )
        for kind in _KINDS
        if kind.signs or not target.signs
    )


def env_file(*, client_id: str, client_secret: str | None, issuer: str, redirect_uri: str) -> str:
    """The `.env` that is downloaded once. Nothing in it needs quoting: addresses hold no blanks (RFC 3986)."""
    pairs = [("DIALKEY_CLIENT_ID", client_id)]
    if client_secret is not None:
        pairs.append(("DIALKEY_CLIENT_SECRET", client_secret))
    pairs.append(("DIALKEY_ISSUER", issuer))
    if redirect_uri:
        pairs.append(("DIALKEY_REDIRECT_URI", redirect_uri))
    return "".join(f"{name}={_env_value(value)}\n" for name, value in pairs)


def _env_value(value: str) -> str:
    """Single quotes where a shell would read more than text into it; a registered address never holds one that ends it."""
    return shlex.quote(value)
