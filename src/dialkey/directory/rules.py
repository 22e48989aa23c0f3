"""Use cases of the directory: each is one transaction with its line in the audit trail.

`actor` names who asks, with its kind: `cli:demo`, `member:<id>`. Refusals carry a stable code; 404 means that what was
named does not exist.
"""

from __future__ import annotations

from dialkey.directory.clients import MAX_SECRETS, ClientRules, SecretInfo
from dialkey.directory.operators import OperatorRules, OrganizationRules
from dialkey.directory.products import ProductRules
from dialkey.directory.registration import ClientRegistration

__all__ = ["MAX_SECRETS", "ClientRegistration", "Directory", "SecretInfo"]


class Directory(OperatorRules, OrganizationRules, ProductRules, ClientRules):
    """Changes to operators, organizations, products, listings and clients."""
