"""Every operation of the API, in the order of its reference."""

from __future__ import annotations

from dialkey.api import (
    catalogue,
    client_secrets,
    clients,
    listing,
    organizations,
    products,
    sandbox,
    versions,
    webhooks,
)
from dialkey.api.operations import Operation

OPERATIONS: tuple[Operation, ...] = (
    *organizations.OPERATIONS,
    *products.OPERATIONS,
    *listing.OPERATIONS,
    *versions.OPERATIONS,
    *clients.OPERATIONS,
    *client_secrets.OPERATIONS,
    *sandbox.OPERATIONS,
    *webhooks.OPERATIONS,
    *catalogue.OPERATIONS,
)
