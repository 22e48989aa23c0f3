"""The people of an organization: list, invitations, roles, removing, leaving, handing over."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.access import Role
from dialkey.developers.members import Invitation, Member
from dialkey.portal.account import strong_session
from dialkey.portal.house import HOME, PortalHouse
from dialkey.portal.member_views import InvitationRow, MemberConfirmPage, MemberPage, MemberRow, MembersPage
from dialkey.portal.organizations import own_membership, place_of, problems_of
from dialkey.web.errors import Refusal

MEMBERS, MEMBER, REMOVE, LEAVE, TRANSFER = (
    "members",
    "member",
    "member.remove",
    "member.leave",
    "member.transfer",
)


class MemberPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        base = "/portal/o/{organization}"
        members, member, invitation = f"{base}/members", f"{base}/members/{{member}}", f"{base}/invitations/{{invitation}}"
        self.routes = [
            Route(members, self.show, methods=["GET"]),
            Route(members, self.invite, methods=["POST"]),
            Route(f"{invitation}/resend", self.resend, methods=["POST"]),
            Route(f"{invitation}/withdraw", self.withdraw, methods=["POST"]),
            Route(member, self.show_one, methods=["GET"]),
            Route(member, self.change, methods=["POST"]),
            Route(f"{member}/remove", self.ask_remove, methods=["GET"]),
            Route(f"{member}/remove", self.remove, methods=["POST"]),
            Route(f"{member}/transfer", self.ask_transfer, methods=["GET"]),
            Route(f"{member}/transfer", self.transfer, methods=["POST"]),
            Route(f"{base}/leave", self.ask_leave, methods=["GET"]),
            Route(f"{base}/leave", self.leave, methods=["POST"]),
        ]

    # the list

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request))

    async def invite(self, request: Request) -> Response:
        house = self._house
        actor, form = await house.actor(request), await house.form(request, MEMBERS)
        email, role = form.get("email", ""), form.get("role", "")
        try:
            await house.members.invite(actor, request.path_params["organization"], email=email, role=_role(role))
        except Refusal as refusal:
            problems = problems_of(refusal, "email")
            page = replace(await self._page(request), email=email[:300], role=role[:20], problems=problems)
            return await house.page(request, page, status=422)
        return house.go(self._members(request), done="invited")

    async def resend(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, MEMBERS)
        organization_id, invitation_id = request.path_params["organization"], request.path_params["invitation"]
        try:
            await self._house.members.resend(actor, organization_id, invitation_id)
        except Refusal as refusal:
            page = replace(await self._page(request), problems=problems_of(refusal))
            return await self._house.page(request, page, status=refusal.status)
        return self._house.go(self._members(request), done="invited")

    async def withdraw(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, MEMBERS)
        organization_id, invitation_id = request.path_params["organization"], request.path_params["invitation"]
        await self._house.members.withdraw(actor, organization_id, invitation_id)
        return self._house.go(self._members(request), done="uninvited")

    async def _page(self, request: Request) -> MembersPage:
        house = self._house
        actor = await house.actor(request)
        membership = await own_membership(house, request)
        organization_id, now = membership.organization_id, house.clock.now()
        return MembersPage(
            place=place_of(membership, "org-members"),
            csrf=await house.token(request, MEMBERS),
            members=tuple(_row(member) for member in await house.members.list_members(actor, organization_id)),
            invitations=tuple(
                _invitation(one, now) for one in await house.members.list_invitations(actor, organization_id)
            ),
            closing=membership.closes_at is not None,
        )

    # one of them

    async def show_one(self, request: Request) -> Response:
        return await self._house.page(request, await self._one(request))

    async def change(self, request: Request) -> Response:
        house = self._house
        actor, form = await house.actor(request), await house.form(request, MEMBER)
        organization_id, member_id, role = *self._ids(request), form.get("role", "")
        try:
            await house.members.change_role(actor, organization_id, member_id, _role(role))
        except Refusal as refusal:
            page = replace(await self._one(request), role=role[:20], problems=problems_of(refusal, "role"))
            return await house.page(request, page, status=422)
        return house.go(self._members(request), done="saved")

    async def _one(self, request: Request) -> MemberPage:
        house = self._house
        membership = await own_membership(house, request, Role.OWNER)
        member = await house.members.get_member(await house.actor(request), *self._ids(request))
        return MemberPage(
            place=place_of(membership, "org-members"),
            csrf=await house.token(request, MEMBER),
            member=_row(member),
            role=member.role.value,
        )

    # going

    async def ask_remove(self, request: Request) -> Response:
        return await self._house.page(request, await self._confirm(request, "remove", REMOVE))

    async def remove(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, REMOVE)
        try:
            await self._house.members.remove(actor, *self._ids(request))
        except Refusal as refusal:
            return await self._refused(request, "remove", REMOVE, refusal)
        return self._house.go(self._members(request), done="removed")

    async def ask_transfer(self, request: Request) -> Response:
        page = await self._confirm(request, "transfer", TRANSFER)
        await strong_session(self._house, request)
        return await self._house.page(request, page)

    async def transfer(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await strong_session(self._house, request)
        await self._house.form(request, TRANSFER)
        try:
            await self._house.members.transfer(actor, *self._ids(request))
        except Refusal as refusal:
            return await self._refused(request, "transfer", TRANSFER, refusal)
        return self._house.go(self._members(request), done="handed-over")

    async def ask_leave(self, request: Request) -> Response:
        return await self._house.page(request, await self._confirm_leave(request))

    async def leave(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, LEAVE)
        try:
            await self._house.members.leave(actor, request.path_params["organization"])
        except Refusal as refusal:
            page = replace(await self._confirm_leave(request), problems=problems_of(refusal))
            return await self._house.page(request, page, status=refusal.status)
        return self._house.go(HOME, done="left")

    async def _refused(self, request: Request, what: str, purpose: str, refusal: Refusal) -> Response:
        page = replace(await self._confirm(request, what, purpose), problems=problems_of(refusal))
        return await self._house.page(request, page, status=refusal.status)

    async def _confirm(self, request: Request, what: str, purpose: str) -> MemberConfirmPage:
        one = await self._one(request)
        base = f"{self._members(request)}/{one.member.id}"
        return MemberConfirmPage(
            place=replace(one.place, section=""),
            csrf=await self._house.token(request, purpose),
            what=what,
            target=f"{base}/{what}",
            back=base,
            member=one.member,
        )

    async def _confirm_leave(self, request: Request) -> MemberConfirmPage:
        session = await self._house.session(request)
        membership = await own_membership(self._house, request)
        base = f"/portal/o/{membership.organization_id}"
        role = membership.role.value
        return MemberConfirmPage(
            place=place_of(membership, ""),
            csrf=await self._house.token(request, LEAVE),
            what="leave",
            target=f"{base}/leave",
            back=f"{base}/members",
            member=MemberRow(id="", name=session.name, email=session.email, role=role, since=0, me=True),
        )

    @staticmethod
    def _ids(request: Request) -> tuple[str, str]:
        return request.path_params["organization"], request.path_params["member"]

    @staticmethod
    def _members(request: Request) -> str:
        return f"/portal/o/{request.path_params['organization']}/members"


def _role(text: str) -> Role:
    if text not in set(Role):
        raise Refusal(422, "role_choice", field="role")
    return Role(text)


def _row(member: Member) -> MemberRow:
    return MemberRow(
        id=member.id,
        name=member.name,
        email=member.email,
        role=member.role.value,
        since=member.since,
        me=member.me,
    )


def _invitation(one: Invitation, now: int) -> InvitationRow:
    return InvitationRow(
        id=one.id,
        email=one.email,
        role=one.role.value,
        invited_by=one.invited_by,
        sent_at=one.sent_at,
        expires_at=one.expires_at,
        over=one.expires_at <= now,
    )
