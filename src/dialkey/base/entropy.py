"""Chance, passed in."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from typing import Protocol


class Entropy(Protocol):
    """A source of unguessable bytes."""

    def take(self, length: int) -> bytes: ...


class SystemEntropy:
    """The operating system's generator."""

    __slots__ = ()

    def take(self, length: int) -> bytes:
        return os.urandom(length)


def random_text(entropy: Entropy, length: int = 16) -> str:
    """`length` random bytes as unpadded base64url: 16 bytes are 22 characters, 32 bytes are 43."""
    return urlsafe_b64encode(entropy.take(length)).rstrip(b"=").decode()
