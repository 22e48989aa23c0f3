"""Developers in the portal: signed-in browsers without scripts, and multipart forms as they send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from dialkey.accounts import store as accounts_store
from dialkey.base.clock import DAY
from dialkey.base.entropy import random_text
from dialkey.base.ids import new_id
from dialkey.developers.access import Actor, Role
from dialkey.developers.content import Picture, ProductPatch
from dialkey.storage import Statement
from support import html
from support.site import CHROME, Site, Visitor

_ADD_MEMBER = Statement(
    "tests.add_member",
    """INSERT INTO members (id, organization_id, email, role, created_at, account_id)
    VALUES (:id, :organization_id, :account_id, :role, 1, :account_id)""",
)


@dataclass
class Developer(Visitor):
    """A browser that is signed in as one account."""

    account_id: str = ""
    name: str = ""
    email: str = ""

    @property
    def actor(self) -> Actor:
        return Actor.account(self.account_id)

    async def upload(self, ending: str, file: bytes, *, picture: str, name: str = "a.png") -> httpx.Response:
        """Posts the multipart form of that picture."""
        form = next(
            form for form in self.read.forms if form.action.endswith(ending) and form.fields.get("picture") == picture
        )
        fields = {key: (None, value) for key, value in form.fields.items() if key != "file"}
        response = await self.http.post(
            form.action, files={**fields, "file": (name, file, "image/png")}, headers={**CHROME, "origin": "null"}
        )
        return await self._follow(response)

    async def status(self, url: str) -> int:
        return (await self.get(url)).status_code


async def developer(site: Site, name: str = "Ada Lovelace", email: str = "ada@voicebox.example") -> Developer:
    """Somebody with an account, signed in: the session `session-of-<account id>`."""
    account_id = new_id(site.entropy)
    now = site.clock.now()

    accounts = site.built.portal.accounts
    token = random_text(site.entropy, 32)

    async def unit(writer: Any) -> None:
        await writer.run(accounts_store.ADD_ACCOUNT, id=account_id, email=email, name=name, password_hash=None, now=now)
        await writer.run(
            accounts_store.ADD_SESSION,
            id=f"session-of-{account_id}",
            token_digest=accounts._digest("session", token),
            account_id=account_id,
            amr="pwd",
            agent="tests",
            network="198.51.100.0/24",
            now=now,
            expires_at=now + 30 * DAY,
        )

    await site.storage.write(unit)
    visitor = Developer(site, site.http(), account_id=account_id, name=name, email=email)
    visitor.http.cookies.set(accounts.cookie.name, token)
    return visitor


async def join(site: Site, organization_id: str, who: Developer, role: Role) -> None:
    """Makes somebody a member without an invitation."""

    async def unit(writer: Any) -> None:
        await writer.run(
            _ADD_MEMBER,
            id=new_id(site.entropy),
            organization_id=organization_id,
            account_id=who.account_id,
            role=role.value,
        )

    await site.storage.write(unit)


async def organization(site: Site, owner: Developer, name: str = "VoiceBox AB") -> str:
    return await site.built.portal.organizations.create(owner.actor, name=name)


def png(width: int = 200, height: int = 200) -> bytes:
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (width, height), "#5b3df5").save(out, "PNG")
    return out.getvalue()


COMPLETE = ProductPatch(
    subtitle="Your voicemail, in one tap",
    description="**VoiceBox** shows your voicemail.",
    price="Free",
    support="help@voicebox.example",
    terms_url="https://voicebox.example/terms",
    privacy_url="https://voicebox.example/privacy",
)


async def complete_product(site: Site, who: Developer, product_id: str) -> None:
    """Fills in all that the Submit tab asks for, but for the client."""
    products = site.built.portal.products
    await products.update(who.actor, product_id, COMPLETE)
    await products.set_picture(who.actor, product_id, Picture.ICON, png())
    await products.set_scopes(who.actor, product_id, required=["phone", "openid"], optional=["voicemail.get"])
    await products.offer(who.actor, product_id, [site.world.nordcell])


def forms_of(response: httpx.Response) -> list[html.Form]:
    return html.read(response.text).forms
