"""What the operations share: the use cases of `developers/`, over a storage that can join an answer to an effect."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialkey.api.once import Answers, JoinedStorage
from dialkey.api.rates import Rates
from dialkey.developers.access import Access
from dialkey.developers.clients import Clients
from dialkey.developers.keys import ApiKeys
from dialkey.developers.members import Members
from dialkey.developers.office import Office
from dialkey.developers.organizations import Organizations
from dialkey.developers.overview import Overview
from dialkey.developers.products import Products
from dialkey.developers.sandbox import Sandbox
from dialkey.developers.trail import Trail
from dialkey.developers.versions import Versions
from dialkey.developers.webhooks import Webhooks
from dialkey.directory.rules import Directory
from dialkey.sms.store import HandsetStore
from dialkey.subscribers.sandbox import SandboxNumbers


@dataclass(kw_only=True)
class ApiHouse:
    """Services by name."""

    office: Office
    answers: Answers
    rates: Rates
    directory: Directory
    """The trusted rules: only for what everybody may know, the operators."""
    keys: ApiKeys
    organizations: Organizations
    members: Members
    trail: Trail
    webhooks: Webhooks
    products: Products
    versions: Versions
    overview: Overview
    clients: Clients
    sandbox: Sandbox


def make_house(office: Office, handsets: HandsetStore) -> ApiHouse:
    """The house over the same database, clock, chance and keys as `office`."""
    storage = JoinedStorage(office.storage)
    settings, clock, entropy, keyring = office.settings, office.clock, office.entropy, office.keyring
    joined = replace(office, storage=storage, access=Access(storage))
    numbers = SandboxNumbers(storage, clock, entropy, keyring, pin_digits=settings.signin.pin_digits)
    products = Products(joined)
    return ApiHouse(
        office=joined,
        answers=Answers(storage, keyring, clock, entropy),
        rates=Rates(settings.limits.api_requests_per_key_minute),
        directory=Directory(storage, clock, entropy, keyring),
        keys=ApiKeys(joined),
        organizations=Organizations(joined),
        members=Members(joined),
        trail=Trail(joined),
        webhooks=Webhooks(joined),
        products=products,
        versions=Versions(joined),
        overview=Overview(joined, products),
        clients=Clients(joined),
        sandbox=Sandbox(joined.access, numbers, handsets),
    )
