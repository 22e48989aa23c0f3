"""What every grant type stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.base.scopes import ScopeSet
from dialkey.directory.catalogue import USERINFO
from dialkey.directory.model import Client
from dialkey.directory.store import ClientDirectory
from dialkey.insights import Insights
from dialkey.oauth.client_auth import AuthenticatedClient
from dialkey.oauth.errors import InvalidGrant
from dialkey.oauth.model import Grant
from dialkey.oauth.store import AuthorizationStore
from dialkey.oauth.tokens import Tokens
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID
from dialkey.subscribers.store import SubscriberStore


class Issued(NamedTuple):
    """What the token endpoint answers, committed; and the grant behind it, where a subscriber is."""

    body: dict[str, Any]
    grant: Grant | None


class Exchange(Protocol):
    """One grant type at the token endpoint."""

    async def __call__(self, authenticated: AuthenticatedClient, form: Mapping[str, str]) -> Issued: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    storage: Storage
    settings: Settings
    clock: Clock
    entropy: Entropy
    directory: ClientDirectory
    subscribers: SubscriberStore
    authorizations: AuthorizationStore
    tokens: Tokens
    insights: Insights

    async def end_grant(self, grant_id: str, reason: str, client: Client) -> None:
        """Ends a grant with its tokens, and says so in the trail."""
        now = self.clock.now()

        async def unit(writer: Writer) -> None:
            if await self.authorizations.end(writer, grant_id, now, reason) is not None:
                await record(
                    writer,
                    Tag.GRANT_ENDED,
                    entropy=self.entropy,
                    now=now,
                    actor=f"client:{client.id}",
                    subject=f"grant:{grant_id}",
                    organization_id=client.product.organization_id,
                    data={"reason": reason},
                )

        await self.storage.write(unit)

    async def offered(self, grant: Grant) -> bool:
        """Whether the operator still has the product. A test number's needs no operator: its grant was only ever given
        for a product of its own organization."""
        if grant.operator_id == SANDBOX_OPERATOR_ID:
            return True
        return await self.directory.enabled_at(grant.product_id, grant.operator_id)

    async def access_token(self, client: Client, grant: Grant | None, scope: ScopeSet) -> str:
        """For a grant, or for the client itself."""
        jwt = client.access_token_format == "jwt"
        audience = await self.audience(client, grant, scope) if jwt else ()
        return self.tokens.access_token(client, grant, scope, audience)

    async def audience(self, client: Client, grant: Grant | None, scope: ScopeSet) -> list[str]:
        """Who a token is for: the APIs of its scopes, and userinfo, which asks clients of the open profile for no scope.
        A token without any of these is for us alone."""
        apis = await self.directory.audiences(scope)
        if grant is not None and client.profile == "open":
            apis.add(USERINFO)
        return sorted(apis) or [self.settings.issuer]

    async def answer(self, client: Client, grant: Grant, scope: ScopeSet) -> Issued:
        """The token response of a grant. Its subscription must still be active at an operator that has the product."""
        if not await self.offered(grant):
            raise InvalidGrant("the operator no longer offers the product")
        scope = scope & client.product.scopes
        access_token = await self.access_token(client, grant, scope)
        body: dict[str, Any] = {
            "access_token": access_token,
            "expires_in": self.tokens.lifetime(client),
            "scope": str(scope),
            "token_type": "bearer",
        }
        if grant.generation:
            body["refresh_token"] = self.tokens.refresh_token(grant.id, grant.generation)
        if "openid" in scope:
            number = await self._number(grant) if "phone" in scope else None
            body["id_token"] = self.tokens.id_token(client, grant, access_token, number)
        return Issued(body, grant)

    async def _number(self, grant: Grant) -> str:
        subscription = await self.subscribers.find_hot(grant.subscription_id)
        if subscription is None or subscription.phone_number is None:
            raise InvalidGrant("the subscription has no number any more")
        return subscription.phone_number
