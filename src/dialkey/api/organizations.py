"""Who asks, organizations, their people, their trail."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dialkey.api.house import ApiHouse
from dialkey.api.operations import Answer, Call, Operation
from dialkey.api.shapes import Id, Paging, Time, listed, next_address, time, time_or_none
from dialkey.developers import members
from dialkey.developers.access import GRANTS, Membership, Role
from dialkey.directory.names import MAX_NAME

TAG = "Organizations"
_ID, _ACCOUNT = "9kQ2mVx0T4a7cY1bWnE5Rg", "Zr8uLwP3QeK6dHs1VfJ0Ag"


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The API key that asks."""

    key_id: Id
    kind: Annotated[
        Literal["personal", "organization"],
        Meta(
            description="A personal key has the present roles of its account; an organization's key acts as an owner."
        ),
    ]
    account_id: Annotated[str, Meta(description="Of a personal key.")] | None
    organization_id: Annotated[str, Meta(description="Of an organization's key: the one that it reaches.")] | None
    scopes: Annotated[tuple[str, ...], Meta(description="What it was given. `…:write` includes `…:read`.")]


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A company that offers products."""

    id: Id
    name: str
    verified: Annotated[bool, Meta(description="Somebody checked who is behind it.")]
    role: Annotated[Role, Meta(description="The asker's.")]
    closes_at: Annotated[Time, Meta(description="It was deleted, and is gone then.")] | None


class OrganizationList(msgspec.Struct, frozen=True, kw_only=True):
    """Organizations, by name."""

    data: tuple[Organization, ...]
    next: str | None = None


class OrganizationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an organization can be changed."""

    name: Annotated[
        str,
        Meta(min_length=1, max_length=MAX_NAME, description="A verified organization is unverified under a new name."),
    ]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who belongs to an organization."""

    id: Id
    account_id: str
    name: str
    email: str
    role: Role
    since: Time


class MemberList(msgspec.Struct, frozen=True, kw_only=True):
    """Members, by role and name."""

    data: tuple[Member, ...]
    next: str | None = None


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An address that was asked to join."""

    id: Id
    email: str
    role: Role
    invited_by: Annotated[str, Meta(description="A name.")]
    sent_at: Time
    expires_at: Time


class InvitationList(msgspec.Struct, frozen=True, kw_only=True):
    """Invitations, the newest first; those that ran out stay for a week."""

    data: tuple[Invitation, ...]
    next: str | None = None


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the audit trail."""

    id: Id
    at: Time
    tag: Annotated[str, Meta(description="What happened, as in the reference of audit events.")]
    actor: Annotated[str, Meta(description="`account:…`, `key:…`, `staff:…`, `cli:…`.")]
    actor_name: str
    subject: Annotated[str, Meta(description="What it was done to.")]
    request_id: str
    data: dict[str, str]


class AuditEventList(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of the trail, the newest first."""

    data: tuple[AuditEvent, ...]
    next: str | None = None


class AuditQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines."""

    tag: Annotated[str, Meta(max_length=60, description="An event, or what stands before its dot: `client`.")] = ""
    actor: Annotated[str, Meta(max_length=80, description="Who did it: `key:…`.")] = ""


def _organization(found: Membership) -> Organization:
    return Organization(
        id=found.organization_id,
        name=found.organization_name,
        verified=found.verified,
        role=found.role,
        closes_at=time_or_none(found.closes_at),
    )


async def get_me(house: ApiHouse, call: Call) -> Answer:
    actor = call.actor
    return Answer(
        body=Me(
            key_id=actor.id,
            kind="organization" if actor.account_id is None else "personal",
            account_id=actor.account_id,
            organization_id=actor.organization_id,
            scopes=tuple(grant for grant in GRANTS if grant in (actor.grants or ())),
        )
    )


async def list_organizations(house: ApiHouse, call: Call) -> Answer:
    found = await house.organizations.list_memberships(call.actor)
    return listed(OrganizationList(data=tuple(_organization(one) for one in found)))


async def get_organization(house: ApiHouse, call: Call) -> Answer:
    found = await house.organizations.get(call.actor, call.path["organization_id"])
    return Answer(body=_organization(found))


async def change_organization(house: ApiHouse, call: Call) -> Answer:
    await house.organizations.rename(call.actor, call.path["organization_id"], name=call.body.name)
    return await get_organization(house, call)


async def list_members(house: ApiHouse, call: Call) -> Answer:
    found = await house.members.list_members(call.actor, call.path["organization_id"])
    return listed(MemberList(data=tuple(map(_member, found))))


async def get_member(house: ApiHouse, call: Call) -> Answer:
    found = await house.members.get_member(call.actor, call.path["organization_id"], call.path["member_id"])
    return Answer(body=_member(found))


def _member(found: members.Member) -> Member:
    return Member(
        id=found.id,
        account_id=found.account_id,
        name=found.name,
        email=found.email,
        role=found.role,
        since=time(found.since),
    )


async def list_invitations(house: ApiHouse, call: Call) -> Answer:
    found = await house.members.list_invitations(call.actor, call.path["organization_id"])
    data = tuple(
        Invitation(
            id=one.id,
            email=one.email,
            role=one.role,
            invited_by=one.invited_by,
            sent_at=time(one.sent_at),
            expires_at=time(one.expires_at),
        )
        for one in found
    )
    return listed(InvitationList(data=data))


async def list_audit_events(house: ApiHouse, call: Call) -> Answer:
    query: AuditQuery = call.query
    page = await house.trail.list_events(
        call.actor,
        call.path["organization_id"],
        tag=query.tag or None,
        by=query.actor or None,
        cursor=query.after or None,
        limit=query.limit,
    )
    data = tuple(
        AuditEvent(
            id=event.id,
            at=time(event.at),
            tag=event.tag,
            actor=event.actor,
            actor_name=event.actor_name,
            subject=event.subject,
            request_id=event.request_id,
            data=dict(event.data),
        )
        for event in page.events
    )
    return listed(AuditEventList(data=data, next=next_address(call, page.cursor)))


_EXAMPLE = Organization(id=_ID, name="VoiceBox AB", verified=True, role=Role.OWNER, closes_at=None)
_ADA = Member(
    id="t2Xh9sJmR0qVbL4eZc7NdA",
    account_id=_ACCOUNT,
    name="Ada Lind",
    email="ada@voicebox.example",
    role=Role.OWNER,
    since="2026-11-02T08:14:00.000Z",
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/me",
        name="get_me",
        tag=TAG,
        summary="The key that asks",
        description="Whom the key acts for, and what it may do. Every key may ask.",
        scope=None,
        handler=get_me,
        gives=Me,
        given=Me(
            key_id="u5Kp1vWc8yQzR3nTf6JgMA",
            kind="organization",
            account_id=None,
            organization_id=_ID,
            scopes=("products:write", "clients:write", "secrets:write"),
        ),
    ),
    Operation(
        method="GET",
        path="/organizations",
        name="list_organizations",
        tag=TAG,
        summary="Organizations in the key's reach",
        description="Those that a personal key's account belongs to; the one of an organization's key.",
        scope="organization:read",
        handler=list_organizations,
        gives=OrganizationList,
        given=OrganizationList(data=(_EXAMPLE,)),
    ),
    Operation(
        method="GET",
        path="/organizations/{organization_id}",
        name="get_organization",
        tag=TAG,
        summary="One organization",
        scope="organization:read",
        role=Role.VIEWER,
        handler=get_organization,
        gives=Organization,
        refuses=("no_such_organization",),
        given=_EXAMPLE,
    ),
    Operation(
        method="PATCH",
        path="/organizations/{organization_id}",
        name="change_organization",
        tag=TAG,
        summary="Rename an organization",
        description="A verified organization is unverified again: what was checked was its name.",
        scope="organization:write",
        role=Role.OWNER,
        handler=change_organization,
        takes=OrganizationChange,
        gives=Organization,
        refuses=(
            "no_such_organization", "organization_closing", "name_length", "name_spaces", "name_form", "name_characters",
            "name_mixed_alphabets", "name_looks_latin",
        ),
        sent=OrganizationChange(name="VoiceBox AB"),
        given=_EXAMPLE,
    ),
    Operation(
        method="GET",
        path="/organizations/{organization_id}/members",
        name="list_members",
        tag=TAG,
        summary="The people of an organization",
        description="At most 500. Roles are given and taken by people, in the portal.",
        scope="organization:read",
        role=Role.VIEWER,
        handler=list_members,
        gives=MemberList,
        refuses=("no_such_organization",),
        given=MemberList(data=(_ADA,)),
    ),
    Operation(
        method="GET",
        path="/organizations/{organization_id}/members/{member_id}",
        name="get_member",
        tag=TAG,
        summary="One member",
        scope="organization:read",
        role=Role.VIEWER,
        handler=get_member,
        gives=Member,
        refuses=("no_such_organization", "no_such_member"),
        given=_ADA,
    ),
    Operation(
        method="GET",
        path="/organizations/{organization_id}/invitations",
        name="list_invitations",
        tag=TAG,
        summary="Who was asked to join",
        description="At most 200. People invite people, in the portal.",
        scope="organization:read",
        role=Role.VIEWER,
        handler=list_invitations,
        gives=InvitationList,
        refuses=("no_such_organization",),
        given=InvitationList(
            data=(
                Invitation(
                    id="b1Nc4rYk7WsXq0ZtH3vLpQ",
                    email="bo@voicebox.example",
                    role=Role.DEVELOPER,
                    invited_by="Ada Lind",
                    sent_at="2026-11-20T09:00:00.000Z",
                    expires_at="2026-11-27T09:00:00.000Z",
                ),
            )
        ),
    ),
    Operation(
        method="GET",
        path="/organizations/{organization_id}/audit-events",
        name="list_audit_events",
        tag=TAG,
        summary="The audit trail of an organization",
        description="Who did what, the newest first. Follow `next` with the same filters.",
        scope="audit:read",
        role=Role.VIEWER,
        handler=list_audit_events,
        query=AuditQuery,
        gives=AuditEventList,
        refuses=("no_such_organization", "cursor"),
        given=AuditEventList(
            data=(
                AuditEvent(
                    id="q8Zt2mVn5xKc1RfW7sJbYg",
                    at="2026-11-24T09:30:00.000Z",
                    tag="client.created",
                    actor="key:u5Kp1vWc8yQzR3nTf6JgMA",
                    actor_name="Terraform",
                    subject="client:0d5c7c1e-52e1-4a0e-8a1c-9ec1a1a2f7de",
                    request_id="Yy0QxK1f",
                    data={"kind": "web"},
                ),
            )
        ),
    ),
)  # fmt: skip
