"""The OpenAPI document and the server say the same, whatever is sent: no 5xx, no status and no body that the document
does not know. Cases are generated, good and bad, with ids that exist and with ids that do not."""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dialkey.api.operations import Operation
from dialkey.api.table import OPERATIONS
from dialkey.developers.access import GRANTS
from support.api import personal_key
from support.estate import Estate, body_of, make_estate
from support.portal import png
from support.site import Site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6
"""Of each operation, for each of the four ways."""


class Machine:
    """Sends cases to the application, on a loop of its own, as a key with every scope."""

    def __init__(self, site: Site, estate: Estate, runner: asyncio.Runner, token: str) -> None:
        self.site, self.estate, self.statuses = site, estate, Counter[int]()
        self._run = runner.run
        self._token = token
        self._sent = 0
        document = self._send("GET", f"{site.settings.base_url}/api/openapi.json", {}, None).json()
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=site.settings.base_url)
        self.operations = {
            found.definition.raw["operationId"]: found for found in (one.ok() for one in schema.get_all_operations())
        }

    def _send(self, method: str, url: str, headers: dict[str, str], content: bytes | str | None) -> httpx.Response:
        self._sent += 1
        if self._sent % 500 == 0:
            self.site.clock.advance(minutes=1)  # the key's rate

        async def send() -> httpx.Response:
            async with self.site.http() as http:
                return await http.request(method, url, headers=headers, content=content)

        return self._run(send())

    def call(self, case: Any) -> None:
        """One case, and all checks of its answer."""
        values = case.as_transport_kwargs(base_url=self.site.settings.base_url)
        values = {name: values.get(name) for name in ("method", "url", "headers", "params", "data", "json", "files")}
        values["headers"] = {
            **{name: value for name, value in (values["headers"] or {}).items() if value is not None},
            "Authorization": f"Bearer {self._token}",
        }
        prepared = requests.Request(**values).prepare()
        headers = {
            name: value if isinstance(value, str) else value.decode("latin-1")
            for name, value in prepared.headers.items()
        }
        assert prepared.url is not None and prepared.method is not None
        response = self._send(prepared.method, prepared.url, _sendable(headers), prepared.body)
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    """Those that a client can send at all."""
    return {name: value for name, value in headers.items() if value.isascii() and value.isprintable()}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def machine(site: Site, runner: asyncio.Runner) -> Machine:
    estate = runner.run(make_estate(site, "Alder"))
    token = runner.run(personal_key(site, estate.owner.actor, GRANTS))
    return Machine(site, estate, runner, token)


def _order(operation: Operation) -> tuple[bool, bool, int]:
    return (operation.method == "DELETE", operation.name == "delete_product", -len(operation.path))


def _tried(
    machine: Machine, operation: Operation, mode: GenerationMode, *, real: bool, examples: int = EXAMPLES
) -> None:
    options: dict[str, Any] = {"generation_mode": mode}
    if real and operation.parameters:
        options["path_parameters"] = machine.estate.path_values(operation)

    @settings(
        derandomize=True,
        database=None,
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=machine.operations[operation.name].as_strategy(**options))
    def cases(case: Any) -> None:
        machine.call(case)

    with suppress(Unsatisfiable):  # nothing about it can be wrong
        cases()


def _over_all(machine: Machine, work: Callable[[Operation], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for operation in sorted(OPERATIONS, key=_order):
            work(operation)


def test_what_works_answers_as_the_document_says(machine: Machine) -> None:
    def work(operation: Operation) -> None:
        found = machine.operations[operation.name]
        values: dict[str, Any] = {"path_parameters": machine.estate.path_values(operation)}
        if operation.picture:
            values |= {"body": png(620, 300), "media_type": "image/png"}
        elif operation.takes is not None:
            values |= {"body": body_of(operation), "media_type": operation.media[0]}
        before = machine.statuses[operation.status]
        machine.call(found.Case(**values))
        assert machine.statuses[operation.status] == before + 1, operation.name

    _over_all(machine, work)


@pytest.mark.parametrize("real", [True, False], ids=["real-ids", "any-ids"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
def test_whatever_is_sent_the_answer_is_a_documented_one(machine: Machine, mode: GenerationMode, real: bool) -> None:
    _over_all(machine, lambda operation: _tried(machine, operation, mode, real=real))
    assert not [status for status in machine.statuses if status >= 500]
    assert len(machine.statuses) >= 3, machine.statuses
    if real and mode is GenerationMode.POSITIVE:
        good = sum(count for status, count in machine.statuses.items() if status < 300)
        assert good >= len(OPERATIONS), machine.statuses
