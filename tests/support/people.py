"""People with accounts, in browsers without scripts: signing up, mails, signing in, as they really do it."""

from __future__ import annotations

import re
from base64 import b32decode
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from dialkey.accounts.passwords import Hasher
from dialkey.accounts.second import step_of, totp
from dialkey.mail.model import Letter
from support.site import Site, Visitor

PASSWORD = "four small words here"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class Person(Visitor):
    """One browser of one person."""

    email: str = "ada@voicebox.example"
    name: str = "Ada Lind"
    password: str = PASSWORD
    totp_secret: bytes = b""

    @property
    def cookie(self) -> str | None:
        """The session's."""
        return self.http.cookies.get("__Host-dialkey_portal")

    @property
    def html(self) -> str:
        assert self.page is not None
        return self.page.text

    @property
    def path(self) -> str:
        assert self.page is not None
        return self.page.request.url.path

    async def sign_up(self, **fields: str) -> httpx.Response:
        await self.get("/portal/sign-up")
        return await self.submit("/sign-up", name=self.name, email=self.email, password=self.password, **fields)

    async def newest_mail(self) -> Letter:
        self.site.clock.advance(seconds=1)  # mails of one moment have no order
        await self.site.run_jobs()
        return (await letters(self.site, self.email))[0]

    async def follow_mail(self) -> httpx.Response:
        """Opens the link of the newest mail; its button is left to be pressed."""
        return await self.get(link_in(await self.newest_mail()))

    async def join(self) -> httpx.Response:
        """Signs up and confirms, which signs in."""
        await self.sign_up()
        await self.follow_mail()
        return await self.submit("/verify")

    async def sign_in(self, next_url: str = "", **fields: str) -> httpx.Response:
        await self.get("/portal/sign-in" + (f"?{urlencode({'next': next_url})}" if next_url else ""))
        return await self.submit("/sign-in", **{"email": self.email, "password": self.password, **fields})

    def code(self) -> str:
        """What the authenticator app shows now."""
        return totp(self.totp_secret, step_of(self.site.clock.now()))

    async def turn_totp_on(self) -> tuple[str, ...]:
        """Sets the app up; gives the recovery codes."""
        await self.get("/portal/account/totp")
        shown = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', self.html)
        assert shown, self.html[:2000]
        self.totp_secret = b32decode(shown[1].replace(" ", ""))
        await self.submit("/account/totp", code=self.code())
        return recovery_codes(self.html)

    def another_browser(self) -> Person:
        return person(self.site, self.email, self.name, self.password, self.totp_secret)


def person(
    site: Site,
    email: str = "ada@voicebox.example",
    name: str = "Ada Lind",
    password: str = PASSWORD,
    totp_secret: bytes = b"",
) -> Person:
    quick_passwords(site)
    http = site.http(headers={"user-agent": FIREFOX})
    return Person(site, http, email=email, name=name, password=password, totp_secret=totp_secret)


def quick_passwords(site: Site) -> None:
    """Hashes that cost nothing; what they cost otherwise is measured where it matters."""
    accounts = site.built.portal.accounts
    if not hasattr(accounts, "_kept_hasher"):
        accounts._kept_hasher, accounts._hasher = accounts._hasher, Hasher(site.entropy, memory=64)


def real_passwords(site: Site) -> None:
    site.built.portal.accounts._hasher = site.built.portal.accounts._kept_hasher


async def member(site: Site, email: str = "ada@voicebox.example", name: str = "Ada Lind") -> Person:
    """Somebody with a verified account, signed in."""
    quick_passwords(site)
    await site.built.portal.accounts.create_account(actor="cli:tests", email=email, name=name, password=PASSWORD)
    somebody = person(site, email, name)
    await somebody.sign_in()
    assert somebody.cookie
    return somebody


async def letters(site: Site, to: str | None = None) -> list[Letter]:
    """The newest first."""
    found = await site.built.portal.mail.list_letters(limit=50)
    return [letter for letter in found if to in (None, letter.to)]


def link_in(letter: Letter) -> str:
    found = re.search(r"https?://[^/\s]+(/portal/\S+token=\S+)", letter.text)
    assert found, letter.text
    return found[1]


def recovery_codes(text: str) -> tuple[str, ...]:
    found = re.search(r'id="recovery-codes"[^>]*>([^<]+)<', text)
    return tuple(found[1].split()) if found else ()


_CHANGES = re.compile(r'(name="(?:csrf|ticket)" value|data-options)="[^"]*"')


def alike(text: str, *typed: str) -> str:
    """A page without what is different each time: its own tokens, and what was typed."""
    text = _CHANGES.sub(r"\1", text)
    for word in typed:
        text = text.replace(word, "TYPED")
    return text
