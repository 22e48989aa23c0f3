"""Stylesheet, script and pictures, held in memory and named by their content, and the theme of each brand.

A URL with the right `v` may be kept for ever; without one it is looked after again within minutes. There is no
directory behind these routes: a name is either one of `ASSETS` or does not exist.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dialkey.web.theme import DEFAULT_ACCENT, normalize, theme_css

MEDIA_TYPES = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
    }
)

_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_NOW = "public, max-age=300"
_ACCENT = re.compile(r"[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, plain and compressed, and the fingerprint that its URL carries."""

    body: bytes
    compressed: bytes
    media_type: str
    version: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> Asset:
        """An asset of these bytes."""
        version = sha256(body).hexdigest()[:16]
        return cls(body=body, compressed=gzip.compress(body, 9, mtime=0), media_type=media_type, version=version)


def _load() -> dict[str, Asset]:
    folder = Path(__file__).parent / "static"
    return {
        path.name: Asset.of(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(folder.iterdir())
        if path.suffix in MEDIA_TYPES
    }


ASSETS = MappingProxyType(_load())

_URLS = {name: f"/assets/{name}?v={asset.version}" for name, asset in ASSETS.items()}
_THEME_VERSION = Asset.of(theme_css(DEFAULT_ACCENT).encode(), MEDIA_TYPES[".css"]).version
"""Changes when the way from an accent to its theme does."""


def asset_url(name: str) -> str:
    """Where an asset is; KeyError for one that does not exist."""
    return _URLS[name]


def theme_url(accent: str | None) -> str:
    """Where the stylesheet of an accent is; the default accent's for anything that is no colour."""
    return f"/assets/theme/{normalize(accent)}.css?v={_THEME_VERSION}"


@lru_cache(maxsize=512)
def _theme(accent: str) -> Asset:
    return Asset.of(theme_css(accent).encode(), MEDIA_TYPES[".css"])


def _not_found() -> Response:
    return PlainTextResponse("Not found\n", 404, headers={"x-content-type-options": "nosniff"})


def _answer(request: Request, asset: Asset, *, fresh: bool) -> Response:
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    etag = f'"{asset.version}-gz"' if compressed else f'"{asset.version}"'
    headers = {
        "cache-control": _FOR_EVER if fresh else _FOR_NOW,
        "cross-origin-resource-policy": "same-origin",
        "etag": etag,
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }
    presented = request.headers.get("if-none-match", "")
    if etag in presented or presented.strip() == "*":
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["content-encoding"] = "gzip"
    return Response(asset.compressed if compressed else asset.body, headers=headers, media_type=asset.media_type)


async def asset(request: Request) -> Response:
    """One file."""
    found = ASSETS.get(request.path_params["name"])
    if found is None:
        return _not_found()
    return _answer(request, found, fresh=request.query_params.get("v") == found.version)


async def theme(request: Request) -> Response:
    """The theme of one accent."""
    accent = request.path_params["accent"]
    if not _ACCENT.fullmatch(accent):
        return _not_found()
    return _answer(request, _theme(accent), fresh=request.query_params.get("v") == _THEME_VERSION)


ROUTES = [
    Route("/assets/theme/{accent}.css", theme, methods=["GET"]),
    Route("/assets/{name}", asset, methods=["GET"]),
]
