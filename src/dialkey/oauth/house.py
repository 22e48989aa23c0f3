"""What the browser's path through the protocol needs of the rooms below, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.requests import Request

from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.consent.rules import Consents
from dialkey.directory.model import Client, Operator, Product
from dialkey.directory.store import ClientDirectory
from dialkey.events import Publisher
from dialkey.insights import Insights, Kind
from dialkey.oauth.callback import CallbackDestination
from dialkey.oauth.keys import SigningKeys
from dialkey.oauth.model import Pending
from dialkey.oauth.store import AuthorizationStore
from dialkey.oauth.tokens import Tokens
from dialkey.oauth.withdrawing import Withdrawals
from dialkey.settings import Settings
from dialkey.signin.model import ProductMark, Session, SignInStart
from dialkey.signin.rules import SignIns
from dialkey.signin.sessions import Sessions
from dialkey.storage import Storage
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID
from dialkey.subscribers.numbering import grouped, read_number
from dialkey.subscribers.sandbox_store import SandboxStore
from dialkey.subscribers.subjects import subject
from dialkey.web.browser import Browsers
from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from dialkey.web.pages import Brand

_COUNTRIES = {"sv": "SE", "nb": "NO"}
"""Where a language is spoken, as far as it tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    settings: Settings
    storage: Storage
    keyring: Keyring
    clock: Clock
    entropy: Entropy
    directory: ClientDirectory
    consents: Consents
    authorizations: AuthorizationStore
    sign_ins: SignIns
    sessions: Sessions
    browsers: Browsers
    frames: Frames
    tokens: Tokens
    signing: SigningKeys
    sandbox: SandboxStore
    insights: Insights
    withdrawals: Withdrawals
    publisher: Publisher

    def note(
        self,
        request: Request,
        client: Client,
        kind: Kind,
        *,
        detail: str | None = None,
        session: Session | None = None,
        operator_id: str = "",
        sandbox: bool = False,
    ) -> None:
        """A line in the client's log."""
        operator_id = session.operator_id if session is not None else operator_id
        self.insights.note(
            client.id,
            client.product.id,
            kind,
            detail=detail,
            request_id=request.scope.get("dialkey.request_id", ""),
            operator_id=operator_id,
            sandbox=sandbox or operator_id == SANDBOX_OPERATOR_ID,
        )

    async def find_session(self, request: Request, client: Client, destination: CallbackDestination) -> Session | None:
        """The browser's session, where it counts for this client: that of a test number only with its own organization,
        that of a subscriber only where the run is not for test numbers alone."""
        session = await self.sessions.find(request)
        if session is None:
            return None
        if session.organization_id is not None:
            return session if session.organization_id == client.product.organization_id else None
        return None if await self.test_only(client, destination) else session

    async def test_only(self, client: Client, destination: CallbackDestination) -> bool:
        """Whether only the organization's own test numbers can come through: the redirect URI or the client waits for
        approval, or no operator has the product."""
        return destination.pending or not await self.directory.countries(client.product.id)

    async def available(self, client: Client, session: Session) -> bool:
        """Whether the product is there for who is signed in: at its operator, or for its organization's test number."""
        if session.organization_id is not None:
            return session.organization_id == client.product.organization_id
        return await self.directory.enabled_at(client.product.id, session.operator_id)

    async def operator_of(self, session: Session) -> Operator:
        """Whose brand the session is shown; for a test number the one that its developer chose. The id stays that of the
        operator that it is at, so that nothing of a test shows up in the books of another."""
        operator = await self.directory.find_operator(session.operator_id)
        if operator is None:
            raise Refusal(503, "unavailable", detail="the session's operator is gone")
        if session.organization_id is None:
            return operator
        test = await self.sandbox.find(self.storage.read, session.phone_number)
        brand = await self.directory.find_operator(test.brand_operator_id or "") if test is not None else None
        return operator if brand is None else replace(brand, id=operator.id)

    def subject_of(self, client: Client, session: Session) -> str:
        """The `sub` that this client sees of who is signed in."""
        return subject(self.keyring, client.product.sector, session.subscription_id)

    def brand_of(self, owner: Product | Operator) -> Brand:
        return Brand(
            name=owner.name, accent=owner.accent, icon_url=image_url(owner.icon_id), support=owner.support
        )

    def sign_in_start(
        self, client: Client, pending: Pending, *, carried: str, form_target: str, country: str, test_only: bool = False
    ) -> SignInStart:
        """What signing in is asked to do for an authorization."""
        product = client.product
        return SignInStart(
            product=ProductMark(product.id, product.name, product.accent, image_url(product.icon_id), product.support),
            client_id=client.id,
            country=country,
            return_to="/oauth2/auth/continue/",
            again_url=pending.request.again_url,
            leave_action="/oauth2/auth/cancel",
            carried=carried,
            form_target=form_target,
            organization_id=product.organization_id,
            test_only=test_only,
        )

    async def country(self, product: Product, locale: str) -> str:
        """Where a number without a country code is from: the reader's country where the product has an operator there,
        else that of its first operator."""
        countries = await self.directory.countries(product.id)
        guess = _COUNTRIES.get(locale)
        if guess is not None and (guess in countries or not countries):
            return guess
        return countries[0] if countries else "GB"

    def hinted_number(self, hint: str | None, country: str) -> str:
        """A `login_hint` as it stands in the field: grouped where it is a number, else nothing. It sends nothing."""
        number = read_number(hint, country=country) if hint else None
        return grouped(number) if number else ""


def image_url(image_id: str | None) -> str | None:
    return f"/media/{image_id}" if image_id else None
