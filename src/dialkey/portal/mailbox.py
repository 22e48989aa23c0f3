"""The virtual mailbox: what would have been sent, for whoever uses this machine. Served only where `mail.route` is
`mailbox`, which a public issuer refuses."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.ids import looks_like_id
from dialkey.mail.model import Letter
from dialkey.portal.house import PortalHouse
from dialkey.portal.mailbox_views import MailboxPage, MailPage, MailPiece, MailRow
from dialkey.web.errors import Refusal
from dialkey.web.http import json_response

MAILBOX = "/mailbox"
LISTED = 30
_LINK = re.compile(r"https?://[^\s<>\"]+")


class MailboxPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self._mail = house.mail
        host = urlsplit(house.settings.issuer).hostname or "localhost"
        self._sender = house.settings.mail.sender or f"Dialkey <no-reply@{host}>"
        self.routes: list[Route] = []
        if house.has_mailbox:
            self.routes = [
                Route(MAILBOX, self.overview, methods=["GET"]),
                Route(f"{MAILBOX}/newest", self.newest, methods=["GET"]),
                Route(f"{MAILBOX}/{{id}}", self.show, methods=["GET"]),
            ]

    async def overview(self, request: Request) -> Response:
        after = request.query_params.get("after")
        after = after if after and looks_like_id(after) else None
        letters = await self._mail.list_letters(after=after, limit=LISTED + 1)
        rows = tuple(_row(letter) for letter in letters[:LISTED])
        page = MailboxPage(
            rows=rows,
            older_url=f"{MAILBOX}?after={rows[-1].id}" if len(letters) > LISTED else None,
            newest=rows[0].id if rows else "",
            live=after is None,
        )
        return self._house.entry(request, page)

    async def newest(self, request: Request) -> Response:
        """Which message is the newest, for a page that waits for one."""
        letters = await self._mail.list_letters(limit=1)
        return json_response({"newest": letters[0].id if letters else ""})

    async def show(self, request: Request) -> Response:
        mail_id = request.path_params["id"]
        letter = await self._mail.find_letter(mail_id) if looks_like_id(mail_id) else None
        if letter is None:
            raise Refusal(404, "not_found")
        page = MailPage(
            sender=self._sender,
            to=letter.to,
            subject=letter.subject,
            sent_at=letter.queued_at,
            pieces=pieces(letter.text, self._house.settings.base_url),
        )
        return self._house.entry(request, page)


def pieces(text: str, base_url: str) -> tuple[MailPiece, ...]:
    """A text with its links to our own pages; any other address stays text."""
    found: list[MailPiece] = []
    start = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(".,;:!?)")
        if not address.startswith(f"{base_url}/"):
            continue
        if match.start() > start:
            found.append(MailPiece(text=text[start : match.start()]))
        found.append(MailPiece(text=address, href=address.removeprefix(base_url)))
        start = match.start() + len(address)
    if start < len(text):
        found.append(MailPiece(text=text[start:]))
    return tuple(found)


def _row(letter: Letter) -> MailRow:
    return MailRow(id=letter.id, to=letter.to, subject=letter.subject, sent_at=letter.queued_at)
