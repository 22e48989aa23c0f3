"""/consents/v0: consents of a subscription and of a product, for the servers of products that may see them.

A subscription that a product does not reach is answered like one that does not exist.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.phone import phone_number
from dialkey.base.signed import seal, unseal
from dialkey.consent.on_behalf import HeldConsent, OnBehalf
from dialkey.consent.rules import Consents, Withdrawal
from dialkey.directory.store import ClientDirectory
from dialkey.events import Publisher
from dialkey.oauth.callers import Caller, Callers
from dialkey.oauth.errors import InvalidRequest, NotReached
from dialkey.oauth.withdrawing import Withdrawals
from dialkey.productapi.answering import Api, json_of, number_in, query_of
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID, Subscription
from dialkey.subscribers.store import SubscriberStore
from dialkey.subscribers.subjects import subject
from dialkey.web.errors import Refusal
from dialkey.web.http import json_response

READ, WRITE = "subscription.consent:read", "subscription.consent:write"
MOST_METADATA = 20
_TOKEN = b"consents page"


class ConsentRoutes:
    """Reading, giving and revoking for a subscription; listing for the caller's own product."""

    def __init__(
        self,
        callers: Callers,
        storage: Storage,
        keyring: Keyring,
        directory: ClientDirectory,
        subscribers: SubscriberStore,
        consents: Consents,
        withdrawals: Withdrawals,
        publisher: Publisher,
    ) -> None:
        self._storage = storage
        self._keyring = keyring
        self._directory = directory
        self._subscribers = subscribers
        self._consents = consents
        self._withdrawals = withdrawals
        self._publisher = publisher
        self._held = OnBehalf(storage)
        api = Api(callers)
        self.routes = [
            Route("/consents/v0/subscription", api(self.get), methods=["GET"]),
            Route("/consents/v0/subscription", api(self.create), methods=["POST"]),
            Route("/consents/v0/subscription/revoke", api(self.revoke), methods=["POST"]),
            Route("/consents/v0/product", api(self.list_own), methods=["GET"]),
        ]

    async def get(self, request: Request, caller: Caller) -> Response:
        """All consents of one subscription."""
        caller.need(READ)
        query = query_of(request, frozenset({"id", "phone_number"}))
        subscription = await self._reached(caller, query, READ)
        held = await self._held.list_of_subscription(subscription)
        return json_response(_answer(consents=[self._told(one, caller) for one in held]))

    async def create(self, request: Request, caller: Caller) -> Response:
        """A consent of the subscription to another product, with its required scopes."""
        caller.need(WRITE)
        body = await json_of(request)
        subscription = await self._reached(caller, body, WRITE)
        product = await self._directory.find_product(str(body.get("productId", "")))
        if product is None or not product.active or not await self._offered(product, subscription):
            raise Refusal(404, "no_such_product")
        metadata = _metadata(body.get("metadata", {}))

        async def unit(writer: Writer) -> bool:
            return await self._consents.give_on_behalf(
                writer,
                subscription_id=subscription.id,
                operator_id=subscription.operator_id,
                product=product,
                created_by=caller.client.product.id,
                client_id=caller.client.id,
                metadata=metadata,
                request_id=request.scope.get("dialkey.request_id", ""),
            )

        if not await self._storage.write(unit):
            return json_response(_answer("NOT_ACCEPTABLE", "The subscription has this product."), status=409)
        self._publisher.wake()
        return json_response(_answer(), status=201)

    async def revoke(self, request: Request, caller: Caller) -> Response:
        """Ends one that the caller's product made, with every grant under it."""
        caller.need(WRITE)
        body = await json_of(request)
        subscription = await self._reached(caller, body, WRITE)
        product = await self._directory.find_product(str(body.get("productId", "")))
        if product is None:
            raise Refusal(404, "no_such_product")
        how = Withdrawal(
            actor=f"product:{caller.client.product.id}",
            page="api",
            locale="en",
            client_id=caller.client.id,
            session_id=None,
            request_id=request.scope.get("dialkey.request_id", ""),
        )

        async def unit(writer: Writer) -> bool:
            return await self._withdrawals.inside(
                writer,
                subscription_id=subscription.id,
                product=product,
                operator_id=subscription.operator_id,
                how=how,
                created_by=caller.client.product.id,
            )

        if not await self._storage.write(unit):
            text = "There is no consent that your product made."
            return json_response(_answer("NOT_ACCEPTABLE", text), status=409)
        self._publisher.wake()
        return json_response(_answer())

    async def list_own(self, request: Request, caller: Caller) -> Response:
        """The product's own consents, by pages. Needs no scope."""
        query = query_of(request, frozenset({"page_size", "page_token"}))
        size = number_in(query, "page_size", 100, 1, 1000)
        product = caller.client.product
        after = self._place(query.get("page_token"), product.id)
        rows = await self._held.list_of_product(product.id, after=after, most=size + 1)
        page = rows[:size]
        held = ([] if after else await self._held.list_of_operators(product.id)) + page
        more = page[-1].subscription_id if len(rows) > size else None
        token = "" if more is None else seal(self._keyring["page"], _TOKEN, f"{product.id} {more}".encode())
        told = [self._told(one, caller) for one in held]
        return json_response({"consents": told, "pagination": {"nextPageToken": token}})

    async def _reached(self, caller: Caller, given: dict[str, Any], scope: str) -> Subscription:
        """The subscription that the caller named, where its product reaches it; the same refusal in every other case."""
        refused = NotReached("subscription not reached", description="Your product does not reach this subscription.")
        found = await self._named(caller, given)
        if found is None or not await self._held.may(caller.client.product, found, scope):
            raise refused
        return found

    async def _named(self, caller: Caller, given: dict[str, Any]) -> Subscription | None:
        id = given.get("id")
        value = id.get("value") if isinstance(id, dict) else id
        number = given.get("phone_number") if "phone_number" in given else given.get("phoneNumber")
        number = number.get("e164") if isinstance(number, dict) else number
        if (value is None) == (number is None) or not isinstance(value or number, str):
            raise InvalidRequest("id or phone_number", description="Name the subscription by id or by phone number.")
        if number is not None:
            try:
                wanted = phone_number(number)
            except ValueError:
                raise InvalidRequest("phone_number", description="The phone number must be in E.164 form.") from None
            return await self._subscribers.find_by_number(self._storage.read, wanted)
        subscription_id = await self._held.find_subscription(caller.client.product.id, value)
        return None if subscription_id is None else await self._subscribers.find_hot(subscription_id)

    async def _offered(self, product: Any, subscription: Subscription) -> bool:
        if subscription.operator_id == SANDBOX_OPERATOR_ID:
            return product.organization_id == subscription.organization_id
        return await self._directory.enabled_at(product.id, subscription.operator_id)

    def _place(self, token: str | None, product_id: str) -> str:
        if not token:
            return ""
        opened = unseal(self._keyring["page"], _TOKEN, token)
        owner, _, after = (opened or b"").decode("ascii", "replace").partition(" ")
        if owner != product_id or not after:
            raise InvalidRequest("page_token", description="The page_token is not one of ours.")
        return after

    def _told(self, held: HeldConsent, caller: Caller) -> dict[str, Any]:
        """The subscription under the identifier that the *caller* knows it by."""
        sector = caller.client.product.sector
        subscription_id = held.subscription_id
        owner: dict[str, Any]
        if subscription_id is None:
            owner = {"tenant": {"name": held.operator}}
        else:
            owner = {"subscription": {"id": {"value": subject(self._keyring, sector, subscription_id)}}}
        return {
            "owner": owner,
            "productId": held.product_id,
            "scopes": [{"property": scope} for scope in held.scopes],
            "revocable": held.created_by == caller.client.product.id,
            "metadata": dict(held.metadata) if self._noted(held, caller) else {},
        }

    @staticmethod
    def _noted(held: HeldConsent, caller: Caller) -> bool:
        """What was noted is for who noted it, and for the product itself."""
        return caller.client.product.id in (held.created_by, held.product_id)


def _answer(code: str = "OK", message: str = "", **more: Any) -> dict[str, Any]:
    return {**more, "statusCode": f"STATUS_CODE_{code}", "errorMessage": message}


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MOST_METADATA:
        raise InvalidRequest("metadata", description=f"metadata must be an object of at most {MOST_METADATA} members.")
    for name, text in value.items():
        if not isinstance(text, str) or not 0 < len(name) <= 64 or len(text) > 256:
            raise InvalidRequest("metadata", description="metadata must map short names to texts of 256 characters.")
    return value
