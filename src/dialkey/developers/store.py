"""SQL of access: each statement finds one object together with the asker's role in its organization.

`:account_id` is the asker, `:own_organization_id` the organization that an organization's key belongs to; one of them is
empty. An organization whose time is over (`closes_at` has passed) is found until the clean-up has been by. What was
deleted is not found.
"""

from __future__ import annotations

from dialkey.storage import Statement

_ORGANIZATION = """o.id AS organization_id, o.name AS organization_name, o.verified_at, o.deleted_at, o.closes_at, m.role"""
MEMBER = """LEFT JOIN members m ON m.organization_id = o.id AND m.account_id = :account_id"""
BELONGS = "(m.role IS NOT NULL OR o.id = :own_organization_id)"
SEEN_BY = "m.role, o.deleted_at"
"""What a statement with more columns selects besides them, for `Access.read`; it joins `o`, `MEMBER`, and has `BELONGS`."""
_PRODUCT = "p.id AS product_id, p.name AS product_name, p.status AS product_status"

FIND_ORGANIZATION = Statement(
    "access.organization", f"SELECT {_ORGANIZATION} FROM organizations o {MEMBER} WHERE o.id = :id AND {BELONGS}"
)
FIND_PRODUCT = Statement(
    "access.product",
    f"""SELECT {_ORGANIZATION}, {_PRODUCT} FROM products p JOIN organizations o ON o.id = p.organization_id {MEMBER}
    WHERE p.id = :id AND p.status <> 'deleted' AND {BELONGS}""",
)
FIND_CLIENT = Statement(
    "access.client",
    f"""SELECT {_ORGANIZATION}, {_PRODUCT}, c.id AS client_id, c.description AS client_description,
      c.status AS client_status
    FROM clients c JOIN products p ON p.id = c.product_id JOIN organizations o ON o.id = p.organization_id {MEMBER}
    WHERE c.id = :id AND c.status <> 'deleted' AND p.status <> 'deleted' AND {BELONGS}""",
)
