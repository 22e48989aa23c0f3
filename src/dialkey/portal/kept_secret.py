"""A client secret that a developer lends to Try it: locked, in a cookie of their own browser, for half an hour.

Nothing of it stands in a page or in our database. What is locked opens only in the same session and for the same client.
"""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request

from dialkey.base.clock import MINUTE
from dialkey.base.signed import b64, unb64
from dialkey.portal.house import PortalHouse
from dialkey.web.cookies import Cookie

LIFETIME = 30 * MINUTE
SECRET = re.compile(r"dk_cs_[A-Za-z0-9_-]{43}")
"""What our secrets look like."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, int]).decode


def _label(session_id: str, client_id: str) -> str:
    return f"portal-try-secret/{session_id}/{client_id}"


def lock(house: PortalHouse, session_id: str, client_id: str, secret: str) -> str:
    """The secret under our lock."""
    content = _encode((secret, house.clock.now()))
    return b64(house.keyring.box().close(house.entropy, _label(session_id, client_id), content))


def unlock(house: PortalHouse, session_id: str, client_id: str, text: str) -> str | None:
    """The secret; None where it was locked for somebody else, or too long ago."""
    sealed = unb64(text) if 0 < len(text) <= 512 else None
    if sealed is None:
        return None
    content = house.keyring.open_box(_label(session_id, client_id), sealed)
    if content is None:
        return None
    secret, made_at = _decode(content)
    return secret if house.clock.now() - made_at <= LIFETIME else None


class KeptSecret:
    """The cookie."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self._cookie = Cookie("dialkey_try", secure=house.settings.secure, max_age=LIFETIME // 1000)

    async def find(self, request: Request, client_id: str) -> str | None:
        """The secret of this client, where the developer lent it."""
        session = await self._house.session(request)
        return unlock(self._house, session.id, client_id, self._cookie.read(request) or "")

    def keep(self, locked: str) -> dict[str, str]:
        """Headers that keep what `lock` gave."""
        return {"Set-Cookie": self._cookie.put(locked)}

    def drop(self) -> dict[str, str]:
        return {"Set-Cookie": self._cookie.drop()}
