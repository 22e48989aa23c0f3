"""One demo and one Chromium per module; every test has a browser profile and a number of its own.

Playwright's own event loop runs as long as the browser lives, so neither outlives its module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser

from support.chromium import NUMBERS, Visitor, chromium
from support.demo import Demo, running_demo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as started:
        yield started


@pytest.fixture(scope="module")
def numbers(demo: Demo) -> Iterator[str]:
    """Numbers that nobody used in this demo; the first ones are left to whoever asks for them by name."""
    return (NUMBERS[index] for index in count(3))


@pytest.fixture
def visit(browser: Browser, demo: Demo, numbers: Iterator[str]) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors, and looks at the end whether their browsers had anything to complain about."""
    visitors: list[Visitor] = []

    def make(number: str | None = None, **options: object) -> Visitor:
        visitors.append(Visitor(browser, demo.url, number or next(numbers), **options))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()
