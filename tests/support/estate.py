"""An organization with one of everything that has an id, for tests that go through all operations and pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from dialkey.api.operations import Operation
from dialkey.base.ids import new_id, new_uuid
from dialkey.developers.access import Role
from dialkey.developers.clients import ClientDraft
from dialkey.developers.content import Picture
from dialkey.developers.products import ProductPatch
from dialkey.developers.reviews import Reviews
from dialkey.directory.model import AuthMethod, ClientKind
from support.portal import Developer, complete_product, developer, join, png
from support.site import Site

KEYS = (
    '{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
    '"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}'
)


@dataclass
class Estate:
    """Ids by the name of the parameter that they stand for."""

    owner: Developer
    developer: Developer
    viewer: Developer
    organization: str
    operator: str
    other_operator: str
    product: str = ""
    """Never approved, with everything."""
    approved: str = ""
    """Approved, with a draft."""
    reviewing: str = ""
    complete: str = ""
    """Ready to be handed in."""
    client: str = ""
    """With two secrets."""
    single: str = ""
    """A client with one secret."""
    rotating: str = ""
    """Another one."""
    signing: str = ""
    """A client with keys."""
    secret: str = ""
    picture: str = ""
    webhook: str = ""
    number: str = ""
    member: str = ""
    invitation: str = ""
    key: str = ""
    """An API key of the organization."""
    personal_key: str = ""
    """One of the owner's."""

    def path_values(self, operation: Operation) -> dict[str, str]:
        """An object of each kind on which the operation can be done."""
        values = {
            "organization_id": self.organization,
            "product_id": self.product,
            "client_id": self.client,
            "member_id": self.member,
            "operator_id": self.operator,
            "secret_id": self.secret,
            "webhook_id": self.webhook,
            "picture_id": self.picture,
            "version": "1",
            "number": self.number,
        }
        values |= {
            "discard_draft": {"product_id": self.approved},
            "withdraw_submission": {"product_id": self.reviewing},
            "submit_product": {"product_id": self.complete},
            "get_version": {"product_id": self.approved},
            "offer_product": {"operator_id": self.other_operator},
            "add_client_secret": {"client_id": self.single},
            "rotate_client_secret": {"client_id": self.rotating},
            "get_client_keys": {"client_id": self.signing},
            "set_client_keys": {"client_id": self.signing},
        }.get(operation.name, {})
        return {name: values[name] for name in operation.parameters}

    def page_values(self) -> dict[str, str]:
        """The same by the names in the portal's addresses."""
        return {
            "organization": self.organization,
            "product": self.product,
            "client": self.client,
            "member": self.member,
            "invitation": self.invitation,
            "operator": self.operator,
            "secret": self.secret,
            "webhook": self.webhook,
            "number": self.number,
            "key": self.key,
        }


def filled(operation: Operation, values: dict[str, str]) -> str:
    path = operation.path
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def body_of(operation: Operation) -> Any:
    """A body that works."""
    return None if operation.takes is None else msgspec.to_builtins(operation.sent)


def unknown_values(site: Site, operation: Operation) -> dict[str, str]:
    """Ids that never existed."""
    return {
        name: new_uuid(site.entropy) if name == "client_id" else "7" if name == "version" else new_id(site.entropy)
        for name in operation.parameters
    }


async def make_estate(site: Site, name: str) -> Estate:
    """`name` is one word."""
    portal = site.built.portal
    people = [
        await developer(site, f"{name} {role}", f"{role}@{name.lower()}.example") for role in ("Owner", "Dev", "Viewer")
    ]
    owner, dev, viewer = people
    actor = owner.actor
    organization = await portal.organizations.create(actor, name=name)
    await join(site, organization, dev, Role.DEVELOPER)
    await join(site, organization, viewer, Role.VIEWER)
    made = Estate(owner, dev, viewer, organization, site.world.nordcell, site.world.fjordtel)
    made.product = await _product(site, made, f"{name} One")
    made.complete = await _product(site, made, f"{name} Two")
    made.reviewing = await _product(site, made, f"{name} Three")
    made.approved = await _product(site, made, f"{name} Four")
    await portal.versions.submit(actor, made.reviewing)
    info = await portal.versions.submit(actor, made.approved)
    await Reviews(portal.products._office).decide("cli:tests", made.approved, info.number, "approve")
    await portal.products.update(actor, made.approved, ProductPatch(subtitle="Another one"))
    made.picture = await portal.products.set_picture(
        actor, made.product, Picture.SCREENSHOT, png(300, 200 + ord(name[0]))
    )
    made.client = await _client(site, made, made.product)
    made.secret = (await portal.clients.list_secrets(actor, made.client))[0].id
    await portal.clients.add_secret(actor, made.client)
    made.single = await _client(site, made, made.product)
    made.rotating = await _client(site, made, made.product)
    made.signing = await _client(site, made, made.product, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=KEYS)
    hook = await portal.webhooks.create(actor, organization, url="https://app.example/hook")
    made.webhook = hook.webhook_id
    made.number = (await portal.sandbox.list(actor, organization))[0].number
    members = await portal.members.list_members(actor, organization)
    made.member = next(one.id for one in members if one.account_id == viewer.account_id)
    made.invitation = await portal.members.invite(
        actor, organization, email=f"new@{name.lower()}.example", role=Role.VIEWER
    )
    made.key = (await portal.keys.create_for_organization(actor, organization, name="k", scopes=["products:read"])).id
    made.personal_key = (await portal.keys.create_personal(actor, name="k", scopes=["products:read"])).id
    return made


async def _product(site: Site, made: Estate, name: str) -> str:
    products = site.built.portal.products
    product = await products.create(made.owner.actor, made.organization, name=name)
    await complete_product(site, made.owner, product)
    await _client(site, made, product)
    return product


async def _client(site: Site, made: Estate, product: str, **options: Any) -> str:
    draft = ClientDraft(kind=ClientKind.WEB, redirect_uris=("https://app.example/cb",), **options)
    return (await site.built.portal.clients.create(made.owner.actor, product, draft)).client_id
