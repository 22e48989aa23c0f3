"""Developers of an organization, and a product that they have made ready."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from dialkey.base.ids import new_id
from dialkey.developers.access import Access, Actor
from dialkey.developers.clients import ClientDraft, Clients
from dialkey.developers.content import Availability, Picture, ProductPatch
from dialkey.developers.office import Office
from dialkey.developers.products import Products
from dialkey.developers.reviews import Reviews
from dialkey.developers.versions import Versions
from dialkey.directory.model import ClientKind
from dialkey.directory.rules import Directory
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Statement, Storage, Writer
from dialkey.storage.keyring import Keyring

_MEMBER = Statement(
    "tests.member",
    """INSERT INTO members (id, organization_id, email, role, created_at, account_id)
    VALUES (:id, :organization_id, :email, :role, 0, :account_id)""",
)
STAFF = "cli:tests"


def drawing(size: tuple[int, int] = (200, 200), kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


@dataclass
class Developers:
    """Everything that acts in a developer's name, and three people of one organization, and a stranger."""

    office: Office
    directory: Directory
    products: Products
    versions: Versions
    clients: Clients
    reviews: Reviews
    organization: str
    other_organization: str
    owner: Actor
    developer: Actor
    viewer: Actor
    stranger: Actor

    async def ready(self, name: str = "VoiceBox") -> str:
        """A product of which nothing is missing."""
        product = await self.products.create(self.developer, self.organization, name=name)
        patch = ProductPatch(
            subtitle="Your voicemail, in one tap",
            description="# VoiceBox\n\nReads your voicemail.",
            price="Free",
            support="help@voicebox.example",
            terms_url="https://voicebox.example/terms",
            privacy_url="https://voicebox.example/privacy",
        )
        await self.products.update(self.developer, product, patch)
        await self.products.set_picture(self.developer, product, Picture.ICON, drawing())
        await self.products.set_scopes(self.developer, product, required=["openid", "phone"], optional=["voicemail.get"])
        await self.products.set_availability(self.developer, product, Availability.FULL)
        await self.client(product)
        return product

    async def client(self, product: str, uri: str = "https://app.example/cb", **options: Any) -> str:
        draft = ClientDraft(kind=ClientKind.WEB, redirect_uris=(uri,), **options)
        return (await self.clients.create(self.developer, product, draft)).client_id

    async def approved(self, name: str = "VoiceBox") -> str:
        """A product with an approved version."""
        product = await self.ready(name)
        info = await self.versions.submit(self.developer, product)
        await self.reviews.decide(STAFF, product, info.number, "approve")
        return product

    async def approve(self, product: str, **options: Any) -> int:
        """Hands the draft in and approves it."""
        info = await self.versions.submit(self.developer, product)
        await self.reviews.decide(STAFF, product, info.number, "approve", **options)
        return info.number


async def make_developers(storage: Storage, clock: Any, entropy: Any, keyring: Keyring) -> Developers:
    directory = Directory(storage, clock, entropy, keyring)
    settings = Settings(issuer="https://id.localhost")
    office = Office(
        settings=settings,
        storage=storage,
        clock=clock,
        entropy=entropy,
        keyring=keyring,
        access=Access(storage),
        mail=Mail(storage, settings, keyring, clock, entropy),
    )
    await directory.put_scopes(actor=STAFF)
    organization = await directory.create_organization(actor=STAFF, name="VoiceBox AB")
    other = await directory.create_organization(actor=STAFF, name="Elsewhere AS")

    async def member(organization_id: str, role: str) -> Actor:
        account_id = new_id(entropy)

        async def unit(writer: Writer) -> None:
            values = {"id": new_id(entropy), "organization_id": organization_id, "email": f"{role}@{account_id}.example"}
            await writer.run(_MEMBER, **values, role=role, account_id=account_id)

        await storage.write(unit)
        return Actor.account(account_id)

    return Developers(
        office,
        directory,
        Products(office),
        Versions(office),
        Clients(office),
        Reviews(office),
        organization,
        other,
        await member(organization, "owner"),
        await member(organization, "developer"),
        await member(organization, "viewer"),
        await member(other, "owner"),
    )
