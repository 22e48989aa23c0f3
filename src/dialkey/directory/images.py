"""Pictures of products and operators, named by their content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

MAX_BYTES = 256 * 1024
MAX_PHOTO_BYTES = 512 * 1024
"""Of a WebP."""
_PNG = b"\x89PNG\r\n\x1a\n"
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as it is served."""

    id: str
    media_type: str
    content: bytes


def image_id(content: bytes) -> str:
    """32 hexadecimal digits of the content's SHA-256: a changed picture has another address."""
    return sha256(content).hexdigest()[:32]


def looks_like_image_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def image_fault(media_type: str, content: bytes) -> str | None:
    """PNG and WebP only: what else a browser draws can also run."""
    if media_type == "image/webp" and content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image_size" if len(content) > MAX_PHOTO_BYTES else None
    if len(content) > MAX_BYTES:
        return "image_size"
    return None if media_type == "image/png" and content.startswith(_PNG) else "image_type"
