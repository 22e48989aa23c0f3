"""The portal's words for codes: problems beside a field, refusals as a page, notes after a redirect. English only.

A text may hold `{name}` placeholders for the refusal's data. A code without words gets general ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PROBLEMS = {
    "required": "Fill this in.",
    "too_long": "That is too long.",
    "name_length": "Use between 1 and 80 characters; other texts have at most 200.",
    "name_spaces": "Remove spaces at the beginning, at the end, and double ones.",
    "name_form": "Use plain letters instead of decorated ones.",
    "name_characters": "There are characters in it that cannot be shown.",
    "name_mixed_alphabets": "A word mixes letters of several alphabets. Use one alphabet per word.",
    "name_looks_latin": "In this alphabet the name reads like another one in Latin letters.",
    "link": "Use a whole address that begins with https://",
    "support": "Use an e-mail address, or a link that begins with https://",
    "accent": "Use a colour as #rrggbb.",
    "description_length": "Use at most 4,000 characters.",
    "description_characters": "There are characters in it that cannot be shown.",
    "picture_type": "Use a PNG, JPEG or WebP picture.",
    "picture_broken": "This picture cannot be read. Save it anew, then try again.",
    "picture_bytes": "The file is too large: at most 2 MB.",
    "picture_small": "The picture is too small: at least {width} × {height} pixels.",
    "picture_large": "The picture has too many pixels. Make it smaller, then try again.",
    "file_missing": "Choose a file first.",
    "too_many_screenshots": "There are {most} already. Remove one first.",
    "too_many_scopes": "Enable at most {most} scopes.",
    "too_many_products": "Your organization has {most} products already.",
    "organization_closing": "Your organization is being deleted; it can only be read.",
    "nothing_changed": "Nothing has changed since the live version.",
    "note_length": "Use at most {most} characters.",
    "image": "Use a PNG, JPEG or WebP picture of at most 2 MB.",
    "image_type": "Use a PNG, JPEG or WebP picture.",
    "image_size": "The picture is too large: at most 2 MB.",
    "image_broken": "This picture cannot be read.",
    "too_large": "The file is too large: at most 2 MB.",
    "unknown_scope": "A scope in it does not exist.",
    "scope_twice": "A scope is either needed or optional.",
    "role": "Your role does not allow this. Ask an owner of the organization.",
    "form_expired": "The page was open for long. Look it over and send it once more.",
    "confirm_name": "Type the name exactly as it stands above.",
    "changed_meanwhile": "Somebody changed this meanwhile. Below is what stands now; make your change once more.",
    "in_review": "It is being reviewed. Withdraw it first to change it.",
    "incomplete": "Something is still missing. The checklist says what.",
    "cannot_suspend_operator_disabled": "An operator has turned it off; they decide when it comes back.",
    "email": "Use an e-mail address such as name@company.example.",
    "member_exists": "Somebody with this address is a member already.",
    "invited_already": "There is an invitation to this address already. Send it again, or withdraw it first.",
    "too_many_invitations": "At most {most} invitations a day. Try again tomorrow.",
    "too_many_members": "An organization has at most {most} members.",
    "too_soon": "It was sent a moment ago. Wait ten minutes before you send it again.",
    "role_choice": "Choose a role.",
    "last_owner": "An organization always has an owner. Make somebody else an owner first.",
    "too_many_organizations": "You have created {most} organizations, which is the limit.",
    "scopes": "Choose at least one scope.",
    "expires_at": "Choose when it expires.",
    "too_many_keys": "There are {most} keys, which is the limit. Revoke one first.",
    "webhook_https": "Use a whole address that begins with https://",
    "webhook_host": "Use a public host name: no IP address, and no name inside a network.",
    "webhook_port": "Use port 443, or one above 1023.",
    "webhook_too_long": "The address is too long.",
    "webhook_url": "This address cannot be used. Leave out users, fragments and odd characters.",
    "webhook_off": "The endpoint is disabled. Enable it first.",
    "too_many_webhooks": "There are {most} endpoints, which is the limit. Delete one first.",
    "overlap": "Choose how long the old secret goes on signing.",
}
"""Beside a field."""

REFUSALS = {
    "not_found": (
        "We cannot find that",
        "It does not exist, was deleted, or belongs to an organization you are not in.",
    ),
    "role": ("Your role does not allow this", "Ask an owner of the organization to do it, or to change your role."),
    "form_expired": ("This page was open for long", "Go back, reload it, and send it once more. Nothing was changed."),
    "cross_site": ("That came from another site", "We answer forms of our own pages only. Nothing was changed."),
    "conflict": ("Somebody was faster", "What you wanted to change has changed meanwhile. Go back and look again."),
    "gone": ("This link has been used or is over", "Ask for a new one."),
    "too_many": ("That was too often", "Wait a little, then try again."),
    "malformed": ("We could not read that", "Go back and try once more. Nothing was changed."),
    "organization_closing": (
        "This organization was deleted",
        "Until it is gone for good it can only be looked at. An owner can undo the deletion in its settings.",
    ),
    "not_closing": ("It is not being deleted", "There is nothing to undo: it was undone already, or its time is over."),
    "last_owner": ("An organization always has an owner", "Make somebody else an owner first."),
}
"""As a page: by code, or by what the status means."""

NOTES = {
    "saved": "Saved.",
    "created": "Created.",
    "product-created": "Your product is there. Fill in what you know; the rest can wait.",
    "deleted": "Deleted.",
    "removed": "Removed.",
    "sent": "Sent.",
    "queued": "On its way. Look again in a moment for what came of it.",
    "submitted": "Submitted. We will tell your organization when it has been reviewed.",
    "withdrawn": "Taken back. You can change it again.",
    "discarded": "The draft is gone; what is live stays.",
    "offered": "Offered. The operator sees it from now on.",
    "taken-back": "No longer offered there.",
    "uploaded": "The picture is in place.",
    "already-done": "That was done already; nothing was done twice.",
    "signed-out": "You are signed out.",
    "organization-created": "Your organization is ready. Next: its first product.",
    "organization-kept": "The organization stays. Its clients and keys work again.",
    "joined": "Welcome. You belong to the organization now.",
    "invited": "The invitation is on its way.",
    "uninvited": "Withdrawn. Its link no longer works.",
    "handed-over": "Handed over. You are a developer now.",
    "left": "You left the organization.",
    "revoked": "Revoked. It opens nothing any more.",
}
"""After a redirect with `?done=<code>`."""

_BY_STATUS = MappingProxyType(
    {404: "not_found", 403: "role", 409: "conflict", 410: "gone", 429: "too_many", 400: "malformed", 422: "malformed"}
)


def problem(code: str, data: Mapping[str, str | int]) -> str:
    """The words beside a field."""
    text = PROBLEMS.get(code)
    if text is None:
        return f"This cannot be used ({code.replace('_', ' ')})."
    return text.format_map(_Data(data)) if "{" in text else text


def refusal(status: int, code: str) -> tuple[str, str] | None:
    """Headline and text of a refused request; None where the general page answers."""
    key = code if code in REFUSALS else _BY_STATUS.get(status, "")
    return REFUSALS.get(key)


def note(code: str | None) -> str:
    """The words after a redirect; empty for a code that we did not make."""
    return NOTES.get(code or "", "")


class _Data(dict[str, "str | int"]):
    def __missing__(self, key: str) -> str:
        return ""
