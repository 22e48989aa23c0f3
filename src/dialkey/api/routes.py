"""Requests to `/api`: found in the table, let in, carried out, answered. The order is here, the rules are not.

1. the address (404) and the method (405); 2. the API key (401), one statement; 3. its rate (429); 4. its scope (403);
5. path, query and body by their shape (400, 413, 415, 422); 6. the use case, which fetches in the key's name (404, 403).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from dialkey.api import problems, store
from dialkey.api.documents import Documents
from dialkey.api.house import ApiHouse
from dialkey.api.once import Joint, Said, Taken, with_joint
from dialkey.api.operations import BASE, JSON, Answer, Call, Operation
from dialkey.api.reading import read_idempotency_key, read_input, read_query
from dialkey.api.table import OPERATIONS
from dialkey.base.signed import b64
from dialkey.developers.access import Actor
from dialkey.web.errors import Refusal
from dialkey.web.http import NO_STORE

_encode = msgspec.json.Encoder().encode
_ETAG = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,|$)')


class Tree:
    """Operations by address and method: one step for each part of the path."""

    __slots__ = ("_children", "_methods", "_parameter")

    def __init__(self) -> None:
        self._children: dict[str, Tree] = {}
        self._parameter: tuple[str, Tree] | None = None
        self._methods: dict[str, Operation] = {}

    def add(self, operation: Operation) -> None:
        """Raises ValueError where two operations cannot be told apart."""
        node = self
        for part in operation.path[1:].split("/"):
            if part.startswith("{"):
                if node._parameter is None:
                    node._parameter = part[1:-1], Tree()
                name, below = node._parameter
                if name != part[1:-1]:
                    raise ValueError(f"{operation.path}: {part} is called {{{name}}} elsewhere")
                node = below
            else:
                node = node._children.setdefault(part, Tree())
        if operation.method in node._methods:
            raise ValueError(f"{operation.method} {operation.path} stands twice")
        node._methods[operation.method] = operation

    def find(self, path: str) -> tuple[Mapping[str, Operation], dict[str, str]]:
        """(operations by method, parameters); none for an unknown address."""
        node, parameters = self, {}
        for part in path[1:].split("/"):
            child = node._children.get(part)
            if child is None:
                if node._parameter is None or not part:
                    return {}, {}
                name, child = node._parameter
                parameters[name] = part
            node = child
        return node._methods, parameters


class ApiRoutes:
    """The ASGI application below `/api`, and its routes."""

    def __init__(self, house: ApiHouse, operations: Iterable[Operation] = OPERATIONS) -> None:
        self._house = house
        self._tree = Tree()
        self._running: set[str] = set()
        operations = tuple(operations)
        for operation in operations:
            self._tree.add(operation)
        self._documents = Documents(operations, house.office.settings)
        self.routes: list[BaseRoute] = [Route("/api", self), Mount("/api", self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path, method = request.scope["path"], request.method
        try:
            if not path.startswith(f"{BASE}/"):
                return self._documents.answer(request)
            methods, parameters = self._tree.find(path[len(BASE) :])
            if not methods:
                raise Refusal(404, "not_found")
            operation = methods.get("GET" if method == "HEAD" else method)
            if operation is None:
                names = [*methods, "HEAD"] if "GET" in methods else list(methods)
                raise Refusal(405, "method", allow=", ".join(names))
        except Refusal as refusal:
            return problems.answer(request, refusal)
        request.scope["endpoint"] = operation.handler
        return await self._let_in(request, operation, parameters)

    async def _let_in(self, request: Request, operation: Operation, parameters: dict[str, str]) -> Response:
        headers: dict[str, str] = {}
        call = None
        try:
            actor = await self._actor(request)
            rate = self._house.rates.take(actor.id, self._house.office.clock.now())
            headers.update(rate.headers())
            if rate.left < 0:
                raise Refusal(429, "rate", seconds=rate.resets_in)
            if operation.scope is not None:
                actor.need(operation.scope)
            if any("\x00" in value for value in parameters.values()):
                raise Refusal(404, "not_found")
            query = read_query(request, operation.query)
            body, content = await read_input(request, operation)
            call = Call(request=request, actor=actor, path=parameters, query=query, body=body, content=content)
            said = await self._carry_out(operation, call)
        except Refusal as refusal:
            return problems.answer(request, refusal, headers, body=None if call is None else call.body)
        return Response(said.body or None, said.status, {**NO_STORE, **headers, **said.headers})

    async def _actor(self, request: Request) -> Actor:
        """RFC 6750 section 2.1; the other ways of section 2 are not offered."""
        credentials = request.headers.getlist("authorization")
        if not credentials:
            raise Refusal(401, "no_key")
        scheme, _, token = credentials[0].partition(" ")
        actor = None
        if len(credentials) == 1 and scheme.lower() == "bearer":
            actor = await self._house.keys.authenticate(token.strip(" "))
        if actor is None:
            raise Refusal(401, "invalid_token")
        return actor

    async def _carry_out(self, operation: Operation, call: Call) -> Said:
        if operation.once:
            return await self._once(operation, call)
        condition = call.request.headers.get("if-match") if operation.changes else None
        if operation.current is None or condition is None:
            answer = await operation.handler(self._house, call)
        else:
            joint = Joint(before=lambda writer: self._compare(operation, call, condition, writer))
            answer = await with_joint(joint, lambda: operation.handler(self._house, call))
        said = _said(operation, answer)
        if not operation.changes and operation.current is not None:
            wanted = call.request.headers.get("if-none-match")
            if wanted is not None and _names(wanted, said.headers["ETag"]):
                return Said(304, {"ETag": said.headers["ETag"]}, b"")
        return said

    async def _compare(self, operation: Operation, call: Call, condition: str, writer: Any) -> None:
        """If-Match (RFC 9110 section 13.1.1), with the rows held: nobody changes them between this and the effect."""
        assert operation.current is not None
        if "client_id" in call.path:
            await writer.one(store.HOLD_PRODUCT_OF_CLIENT, client_id=call.path["client_id"])
            await writer.one(store.HOLD_CLIENT, client_id=call.path["client_id"])
        else:
            await writer.one(store.HOLD_PRODUCT, product_id=call.path["product_id"])
        answer = await operation.current(self._house, call)
        if not _names(condition, etag(_encode(answer.body))):
            raise Refusal(412, "precondition")

    async def _once(self, operation: Operation, call: Call) -> Said:
        """An effect whose answer is made in its transaction, and kept there where there is an Idempotency-Key."""
        house, request = self._house, call.request
        key = read_idempotency_key(request)
        made: list[Said] = []
        if key is None:

            async def show(_: Any, result: Any) -> None:
                made[:] = [_said(operation, await operation.show(house, call, result))]

            await with_joint(Joint(behind=show), lambda: operation.handler(house, call))
            return made[0]
        digest = house.answers.digest(call.actor.id, key)
        target = request.scope["path"] + "?" + request.scope["query_string"].decode("latin-1")
        fingerprint = house.answers.fingerprint(operation.method, target, call.content)
        if digest in self._running:
            raise Refusal(409, "idempotency_running")
        self._running.add(digest)
        try:
            said = await house.answers.find(digest, fingerprint)
            if said is None:

                async def keep(writer: Any, result: Any) -> None:
                    said = _said(operation, await operation.show(house, call, result))
                    await house.answers.keep(writer, digest, fingerprint, said)
                    made[:] = [said]

                try:
                    await with_joint(Joint(behind=keep), lambda: operation.handler(house, call))
                    return made[0]
                except Taken:
                    said = await house.answers.find(digest, fingerprint)
        finally:
            self._running.discard(digest)
        if said is None:
            raise Refusal(409, "idempotency_running")
        return Said(said.status, {**said.headers, "Idempotency-Replayed": "true"}, said.body)


def _said(operation: Operation, answer: Answer) -> Said:
    body = b"" if answer.body is None else _encode(answer.body)
    headers = dict(answer.headers)
    if body:
        headers["Content-Type"] = JSON
        if operation.current is not None:
            headers["ETag"] = etag(body)
    return Said(operation.status, headers, body)


def etag(body: bytes) -> str:
    """Of a representation: what it says is what it is known by."""
    return f'"{b64(blake2b(body, digest_size=15).digest())}"'


def _names(condition: str, tag: str) -> bool:
    """Whether a list of entity tags names this one; `*` names any."""
    if condition.strip() == "*":
        return True
    if len(condition) > 2000:
        return False
    return tag in {match.strip(" \t,").removeprefix("W/") for match in _ETAG.findall(condition)}
