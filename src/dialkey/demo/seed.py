"""The demo's world: two operators, their sandbox subscribers, a verified product and one that nobody checked.

Seeding again finds what is there and adds what is missing. All numbers are reserved for fiction and tests: Sweden's PTS
keeps 070-174 06 05 to 99, Britain's Ofcom 07700 900000 to 900999.
"""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from dialkey.accounts.rules import Accounts
from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy, random_text
from dialkey.base.phone import PhoneNumber, phone_number
from dialkey.demo.secrets_file import read_values, write_values
from dialkey.directory.model import GrantType
from dialkey.directory.registration import ClientRegistration
from dialkey.directory.rules import MAX_SECRETS, Directory
from dialkey.directory.store import ClientDirectory
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Storage
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.numbering import grouped
from dialkey.subscribers.rules import Subscribers
from dialkey.subscribers.store import SubscriberStore

ACTOR = "cli:demo"
STATE = "this-is-a-key-set-by-the-caller"
TIDBIT_STATE = "this-is-a-key-of-tidbit"
CALLBACK = "/demo/callback"
REMOVED = "/demo/removed"
NORDCELL_NUMBERS = tuple(phone_number(f"+467017406{n:02d}") for n in range(5, 100))
FJORDTEL_NUMBERS = tuple(phone_number(f"+447700900{n:03d}") for n in range(200))
DEVELOPER_EMAIL = "dev@voicebox.example"
_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoClient:
    """A product's client with its secret."""

    product: str
    client_id: str
    client_secret: str
    state: str
    """What the demo sends as `state`; it also tells whose callback came back."""

    def authorization_url(self, base_url: str) -> str:
        """The walkthrough's URL."""
        redirect_uri = quote(base_url + CALLBACK, safe=":/")
        return (
            f"{base_url}/oauth2/auth?response_type=code&scope=phone%20offline_access&client_id={self.client_id}"
            f"&redirect_uri={redirect_uri}&state={self.state}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """What the demo's pages and its welcome need to know."""

    main: DemoClient
    """VoiceBox."""
    unverified: DemoClient
    """Tidbit."""
    numbers: tuple[tuple[PhoneNumber, str], ...]
    """(number, operator's name) of a few subscribers."""
    secrets_file: Path
    developer_email: str
    """Who owns both products in the portal."""
    developer_password: str

    def client_of(self, state: str) -> DemoClient:
        return self.unverified if state == self.unverified.state else self.main

    def welcome(self, base_url: str) -> str:
        """What the terminal says."""
        rows = "\n".join(f"    {grouped(number):<20} {operator}" for number, operator in self.numbers)
        return (
            f"\nDialkey's demo is at {base_url}/demo\n\n"
            f"  Log in with one of these numbers (they are not real phones):\n{rows}\n"
            f"  Text messages arrive at {base_url}/handset\n\n"
            f"  The walkthrough's link ({self.main.product}):\n    {self.main.authorization_url(base_url)}\n"
            f"  A product that nobody verified ({self.unverified.product}):\n"
            f"    {self.unverified.authorization_url(base_url)}\n\n"
            f"  The developer portal, where you make a product of your own: {base_url}/portal\n"
            f"    {self.developer_email}  {self.developer_password}\n"
            f"  or sign up; mails arrive at {base_url}/mailbox\n\n"
            f"  CLIENT_ID and CLIENT_SECRET are in {self.secrets_file}\n"
            f"  Then, in another terminal, with the code of the callback page instead of CODE:\n"
            f"    . {shlex.quote(str(self.secrets_file))}\n"
            f"    curl -u \"$CLIENT_ID:$CLIENT_SECRET\" --url '{base_url}/oauth2/token' \\\n"
            f"      --data grant_type=authorization_code --data code=CODE --data 'redirect_uri={base_url}{CALLBACK}'\n"
            f"    curl -H \"Authorization: Bearer $ACCESS_TOKEN\" {base_url}/userinfo\n"
        )


async def seed(
    storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy, *, settings: Settings, folder: Path
) -> DemoWorld:
    """Makes what is missing, in a migrated database; `folder` keeps the secrets."""
    seeding = _Seeding(storage, keyring, clock, entropy, settings, folder / "demo.env")
    return await seeding.run()


class _Seeding:
    def __init__(
        self, storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy, settings: Settings, secrets_file: Path
    ) -> None:
        self._storage = storage
        self._keyring = keyring
        self._entropy = entropy
        self._base_url = settings.base_url
        self._secrets_file = secrets_file
        self._values = read_values(secrets_file)
        self._directory = Directory(storage, clock, entropy, keyring)
        self._clients = ClientDirectory(storage, clock)
        self._subscribers = Subscribers(storage, clock, entropy)
        self._store = SubscriberStore(storage)
        mail = Mail(storage, settings, keyring, clock, entropy)
        self._accounts = Accounts(storage, settings, keyring, clock, entropy, mail)

    async def run(self) -> DemoWorld:
        await self._directory.put_scopes(actor=ACTOR)
        nordcell = await self._operator("nordcell", "Nordcell", "SE", "sv", "#00707a")
        fjordtel = await self._operator("fjordtel", "Fjordtel", "NO", "nb", "#c2185b")
        await self._add_subscribers(nordcell, NORDCELL_NUMBERS)
        await self._add_subscribers(fjordtel, FJORDTEL_NUMBERS)
        voicebox = await self._voicebox()
        tidbit = await self._tidbit()
        for operator_id in (nordcell, fjordtel):
            await self._offer(voicebox, operator_id)
        await self._offer(tidbit, nordcell)
        await self._developer("VoiceBox AB", "Tidbit Labs")
        main = await self._client(voicebox, "VoiceBox", STATE, "CLIENT", "this is a test")
        unverified = await self._client(tidbit, "Tidbit", TIDBIT_STATE, "TIDBIT_CLIENT", "a product nobody verified")
        return DemoWorld(
            main=main,
            unverified=unverified,
            numbers=(
                (NORDCELL_NUMBERS[0], "Nordcell"),
                (NORDCELL_NUMBERS[1], "Nordcell"),
                (FJORDTEL_NUMBERS[1], "Fjordtel"),
            ),
            secrets_file=self._secrets_file,
            developer_email=DEVELOPER_EMAIL,
            developer_password=self._values["DEVELOPER_PASSWORD"],
        )

    async def _operator(self, slug: str, name: str, country: str, locale: str, accent: str) -> str:
        found = await self._directory.find_operator_by_slug(slug)
        if found is not None:
            return found.id
        return await self._directory.create_operator(
            actor=ACTOR,
            slug=slug,
            name=name,
            country=country,
            locale=locale,
            accent=accent,
            icon_id=await self._icon(slug),
            support=f"care@{slug}.example",
            sms_sender=name,
        )

    async def _add_subscribers(self, operator_id: str, numbers: tuple[PhoneNumber, ...]) -> None:
        """Several at once, so that they share commits."""
        missing = [number for number in numbers if not await self._store.find_by_number(self._storage.read, number)]
        for start in range(0, len(missing), _AT_ONCE):
            await asyncio.gather(
                *(
                    self._subscribers.add(actor=ACTOR, operator_id=operator_id, number=number, sandbox=True)
                    for number in missing[start : start + _AT_ONCE]
                )
            )

    async def _voicebox(self) -> str:
        organization = await self._directory.find_organization("VoiceBox AB")
        if organization is None:
            organization = await self._directory.create_organization(actor=ACTOR, name="VoiceBox AB")
        await self._directory.verify_organization(actor=ACTOR, organization_id=organization)
        product = await self._directory.find_product(organization, "VoiceBox")
        if product is None:
            product = await self._directory.create_product(
                actor=ACTOR,
                organization_id=organization,
                name="VoiceBox",
                subtitle="Your voicemail, in one tap",
                accent="#4338ca",
                icon_id=await self._icon("voicebox"),
                support="help@voicebox.example",
                product_url="https://voicebox.example/",
                terms_url="https://voicebox.example/terms",
                privacy_url="https://voicebox.example/privacy",
            )
            await self._directory.set_product_scopes(
                actor=ACTOR,
                product_id=product,
                required=("openid", "offline_access", "phone"),
                optional=("voicemail.get", "mms.send.from_subscriber"),
            )
        await self._directory.verify_product(actor=ACTOR, product_id=product)
        return product

    async def _tidbit(self) -> str:
        organization = await self._directory.find_organization("Tidbit Labs")
        if organization is None:
            organization = await self._directory.create_organization(actor=ACTOR, name="Tidbit Labs")
        product = await self._directory.find_product(organization, "Tidbit")
        if product is None:
            product = await self._directory.create_product(
                actor=ACTOR,
                organization_id=organization,
                name="Tidbit",
                subtitle="Small bites of news by text message",
                price="€1 a month",
                accent="#b45309",
                icon_id=await self._icon("tidbit"),
                terms_url="https://tidbit.example/terms",
            )
            await self._directory.set_product_scopes(
                actor=ACTOR,
                product_id=product,
                required=("openid", "offline_access", "phone"),
                optional=("sms.text:send_to_subscriber",),
            )
        return product

    async def _developer(self, *organizations: str) -> None:
        """An account that owns them. Its password is in the file; where that was lost, the account gets another."""
        person = await self._accounts.find_by_email(DEVELOPER_EMAIL)
        password = self._values.get("DEVELOPER_PASSWORD")
        if person is not None and password:
            return
        password = random_text(self._entropy, 12)
        if person is not None:
            await self._accounts.set_password(actor=ACTOR, account_id=person.id, password=password)
        else:
            account_id = await self._accounts.create_account(
                actor=ACTOR, email=DEVELOPER_EMAIL, name="Robin Berg", password=password
            )
            for name in organizations:
                organization_id = await self._directory.find_organization(name)
                assert organization_id is not None
                await self._directory.add_account(actor=ACTOR, organization_id=organization_id, account_id=account_id)
        self._values |= {"DEVELOPER_EMAIL": DEVELOPER_EMAIL, "DEVELOPER_PASSWORD": password}
        write_values(self._secrets_file, self._values)

    async def _icon(self, name: str) -> str:
        return await self._directory.add_image(content=(files("dialkey.demo") / "assets" / f"{name}.png").read_bytes())

    async def _offer(self, product_id: str, operator_id: str) -> None:
        if not await self._clients.enabled_at(product_id, operator_id):
            await self._directory.list_product(actor=ACTOR, product_id=product_id, operator_id=operator_id)
            await self._directory.enable_product(actor=ACTOR, product_id=product_id, operator_id=operator_id)

    async def _client(self, product_id: str, product: str, state: str, prefix: str, description: str) -> DemoClient:
        uris = {
            "redirect_uris": (self._base_url + CALLBACK, "https://example.com/callback"),
            "post_revoke_redirect_uris": (self._base_url + REMOVED, "https://example.com/revoke"),
            "post_logout_redirect_uris": (self._base_url + "/demo",),
        }
        known = await self._directory.list_clients(product_id)
        if known:
            client_id = known[0]
            secret = await self._kept_secret(client_id, prefix, uris)
        else:
            registration = ClientRegistration(description=description, grant_types=frozenset(GrantType), **uris)
            made = await self._directory.create_client(actor=ACTOR, product_id=product_id, registration=registration)
            client_id, secret = made.client_id, made.client_secret or ""
        if self._values.get(f"{prefix}_ID") != client_id or self._values.get(f"{prefix}_SECRET") != secret:
            self._values |= {f"{prefix}_ID": client_id, f"{prefix}_SECRET": secret}
            write_values(self._secrets_file, self._values)
        return DemoClient(product=product, client_id=client_id, client_secret=secret, state=state)

    async def _kept_secret(self, client_id: str, prefix: str, uris: dict[str, tuple[str, ...]]) -> str:
        """The secret in the file where it still opens, else a new one; and the addresses of this base URL."""
        client = await self._clients.find_client(client_id)
        assert client is not None
        moved = uris["redirect_uris"][0] not in client.redirect_uris  # to another port
        if moved or uris["post_revoke_redirect_uris"][0] not in client.post_revoke_redirect_uris:
            await self._directory.set_client_uris(actor=ACTOR, client_id=client_id, **uris)
        secret = self._values.get(f"{prefix}_SECRET", "")
        digest = self._keyring.digest("client-secret", secret)
        if self._values.get(f"{prefix}_ID") == client_id and any(live == digest for live, _ in client.secret_digests):
            return secret
        live = await self._directory.list_secrets(client_id)
        if len(live) >= MAX_SECRETS:
            await self._directory.revoke_secret(actor=ACTOR, client_id=client_id, secret_id=live[0].id)
        return (await self._directory.add_secret(actor=ACTOR, client_id=client_id)).client_secret or ""
