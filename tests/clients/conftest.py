"""A running demo, and a subscriber who goes through its pages without a browser."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from support import html
from support.demo import Demo, running_demo

JS = Path(__file__).parent / "js"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("clients")) as started:
        yield started


@pytest.fixture(scope="session")
def numbers() -> Iterator[str]:
    return (f"+447700900{n:03d}" for n in count(20))


@pytest.fixture(scope="session")
def js_folder() -> Path:
    """With the packages of its lock file."""
    if not (JS / "node_modules" / "openid-client").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=JS, check=True, capture_output=True, timeout=180)
    return JS


class Subscriber:
    """Signs in and adds the product; keeps the session."""

    def __init__(self, demo: Demo, number: str) -> None:
        self.number = number
        self._handset = f"/handset/{number.removeprefix('+')}"
        self.http = httpx.Client(base_url=demo.url, headers={"accept": "text/html", "sec-fetch-site": "same-origin"})

    def sign_in(self, url: str) -> str:
        """Goes to an authorization URL; gives the callback URL that the browser is sent to."""
        page = self._follow(self.http.get(url))
        page = self._submit(page, "/signin", number=self.number)
        page = self._submit(page, "/pin", pin=self._pin())
        return self._submit(page, "/oauth2/auth/consent", terms="on", decision="add").headers["location"]

    def leave(self, url: str) -> str:
        """Goes to a logout URL; gives where that leads."""
        return self._follow(self.http.get(url)).headers["location"]

    def _submit(self, page: httpx.Response, ending: str, **fields: str) -> httpx.Response:
        assert page.status_code == 200, page.text
        form = html.read(page.text).form(ending)
        return self._follow(self.http.post(form.action, data={**form.fields, **fields}))

    def _follow(self, response: httpx.Response) -> httpx.Response:
        while response.is_redirect and not urlsplit(response.headers["location"]).netloc:
            response = self.http.get(response.headers["location"])
        return response

    def _pin(self) -> str:
        for _ in range(100):
            text = html.read(self.http.get(self._handset).text).text
            if found := re.search(r"#(\d{6})", text):
                return found[1]
            time.sleep(0.05)
        raise AssertionError("no message arrived")


@pytest.fixture
def subscriber(demo: Demo, numbers: Iterator[str]) -> Subscriber:
    return Subscriber(demo, next(numbers))
