"""The portal's words for what the audit trail and notices hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dialkey.developers.notices import NoticeKind

EVENTS = MappingProxyType(
    {
        "organization.created": "Created the organization",
        "organization.verified": "Verified the organization's name",
        "organization.renamed": "Renamed the organization",
        "organization.closing": "Deleted the organization, undoable for 30 days",
        "organization.kept": "Took the deletion back",
        "organization.closed": "The organization's time was over",
        "member.added": "Joined",
        "member.invited": "Invited somebody",
        "member.invited_again": "Sent an invitation again",
        "member.uninvited": "Withdrew an invitation",
        "member.role_changed": "Changed a role",
        "member.removed": "Removed a member",
        "member.left": "Left",
        "api_key.created": "Created an API key",
        "api_key.revoked": "Revoked an API key",
        "webhook.created": "Added a webhook endpoint",
        "webhook.changed": "Changed a webhook endpoint",
        "webhook.secret_rotated": "Rotated a webhook's secret",
        "webhook.deleted": "Deleted a webhook endpoint",
        "trail.exported": "Exported the audit log",
        "scopes.changed": "Changed a product's scopes",
        "product.created": "Created a product",
        "product.changed": "Changed a product",
        "product.unlisted": "Withdrew a product from an operator",
        "product.deleted": "Deleted a product",
        "product.submitted": "Submitted a version for review",
        "product.withdrawn": "Withdrew a version from review",
        "product.approved": "Approved a version",
        "product.returned": "Returned a version with questions",
        "product.refused": "Refused a version",
        "product.draft_discarded": "Discarded a draft",
        "product.suspended": "Suspended a product",
        "product.listed": "Offered a product to an operator",
        "product.enabled": "Enabled a product at an operator",
        "product.disabled": "Disabled a product at an operator",
        "client.created": "Created a client",
        "client.changed": "Changed a client",
        "client.disabled": "Turned a client off",
        "client.secret_added": "Made a client secret",
        "client.secret_changed": "Changed when a client secret ends",
        "client.secret_revoked": "Revoked a client secret",
        "client.deleted": "Deleted a client",
        "sandbox.numbers_added": "Added test numbers",
        "sandbox.number_changed": "Changed a test number",
        "sandbox.number_recycled": "Recycled a test number",
        "sandbox.number_removed": "Removed a test number",
    }
)


def event(tag: str) -> str:
    """What happened; a tag without words says it with its own."""
    return EVENTS.get(tag) or tag.replace(".", ": ").replace("_", " ").capitalize()


_ROLES = {"owner": "an owner", "developer": "a developer", "viewer": "a viewer"}
_DECISIONS = {"approve": "approved and is live", "return": "returned with questions", "refuse": "refused"}


def notice(kind: NoticeKind, data: Mapping[str, str]) -> tuple[str, str]:
    """(what happened, what its link is called)."""
    who = data.get("who") or "Somebody"
    role = _ROLES.get(data.get("role", ""), "a member")
    product = data.get("product") or "A product"
    match kind:
        case NoticeKind.INVITATION_ACCEPTED:
            return f"{who} joined as {role}.", "Members"
        case NoticeKind.ROLE_CHANGED:
            return f"You are {role} now.", "Open"
        case NoticeKind.MEMBER_LEFT:
            return f"{who} left.", "Members"
        case NoticeKind.ORGANIZATION_CLOSING:
            return f"{who} deleted the organization. For 30 days it can be undone.", "Open"
        case NoticeKind.ORGANIZATION_KEPT:
            return f"{who} took the deletion of the organization back.", "Open"
        case NoticeKind.REVIEW_DECIDED:
            return f"{product} was {_DECISIONS.get(data.get('decision', ''), 'reviewed')}.", "Open"
        case NoticeKind.REVIEW_COMMENTED:
            return f"There is a comment on {product}.", "Read"
        case NoticeKind.SECRET_EXPIRING:
            return f"A secret of {data.get('client') or 'a client'} is about to expire.", "Secrets"
        case NoticeKind.WEBHOOK_DISABLED:
            return "A webhook endpoint was disabled: it did not answer.", "Open"
        case NoticeKind.KEY_EXPIRING:
            return f"The API key {data.get('key') or ''} is about to expire.", "API keys"
