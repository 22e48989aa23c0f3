"""What we write to the people of an organization. In English, like the portal.

Names are somebody else's words: they come through `one_line`, which takes the links out of them.
"""

from __future__ import annotations

from dialkey.base.clock import DAY, Instant
from dialkey.developers.access import Role
from dialkey.mail.model import Message, one_line

ROLES = {
    Role.OWNER: "an owner, who can change everything, people and keys included",
    Role.DEVELOPER: "a developer, who can change products and clients",
    Role.VIEWER: "a viewer, who can look at everything but secrets",
}


def invitation(organization: str, who: str, role: Role, url: str, lifetime: int) -> Message:
    """To an address that may have no account yet. `url` holds the token."""
    organization, who = one_line(organization), one_line(who) or "Somebody"
    return Message(
        kind="invitation",
        subject=f"{who} invites you to {organization} on Dialkey",
        text=(
            f"{who} invites you to join {organization} on Dialkey, where products that let people sign in with their"
            f" phone number are made. You would be {ROLES[role]}.\n\n"
            f"{url}\n\n"
            f"The link works for {lifetime // DAY} days, once, and for an account with this e-mail address only. If you"
            " have none yet, you can make one on the way.\n\n"
            "If you do not know what this is about, you need not do anything."
        ),
    )


def joined(organization: str, who: str, role: Role, url: str) -> Message:
    """To who invited them."""
    organization, who = one_line(organization), one_line(who)
    return Message(
        kind="invitation_accepted",
        subject=f"{who} joined {organization}",
        text=f"{who} accepted your invitation to {organization} and is now {ROLES[role]}.\n\n{url}",
    )


def removed(organization: str, who: str) -> Message:
    """To who was taken out."""
    organization, who = one_line(organization), one_line(who) or "An owner"
    return Message(
        kind="member_removed",
        subject=f"You are no longer in {organization}",
        text=(
            f"{who} took you out of {organization} on Dialkey. Your account and your other organizations stay as they"
            " are. If you think that this is a mistake, write to an owner of the organization."
        ),
    )


def made_owner(organization: str, who: str, url: str) -> Message:
    """To who may do everything from now on."""
    organization, who = one_line(organization), one_line(who) or "An owner"
    return Message(
        kind="made_owner",
        subject=f"You are an owner of {organization} now",
        text=f"{who} made you an owner of {organization} on Dialkey. You are {ROLES[Role.OWNER]}.\n\n{url}",
    )


def closing(organization: str, who: str, closes_at: Instant | None, role: Role, url: str) -> Message:
    """To everybody in it: it was deleted, or (without a time) it stays after all."""
    organization, who = one_line(organization), one_line(who) or "An owner"
    if closes_at is None:
        return Message(
            kind="organization_kept",
            subject=f"{organization} stays",
            text=f"{who} took back the deletion of {organization} on Dialkey. Its clients work again.\n\n{url}",
        )
    undo = " You are an owner: until then, you can undo it on this page." if role is Role.OWNER else ""
    return Message(
        kind="organization_closing",
        subject=f"{organization} was deleted",
        text=(
            f"{who} deleted {organization} on Dialkey. Its clients no longer work: nobody can sign in to its products,"
            f" and its API keys are refused. In 30 days everything in it is gone for good.{undo}\n\n{url}"
        ),
    )
