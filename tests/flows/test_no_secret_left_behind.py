"""After a run with everything in it: no secret that was given out stands in a log, or in the clear in the database."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench.postgres import Cluster

from support.html import read
from support.process import ServerProcess, change, serving
from support.site import Registered, Site, Visitor, callback, exchange, refresh, userinfo
from support.world import ANNA, BO, World, make_world

SCOPE = "openid phone offline_access"
CARRIED = "carried request"
"""The request that a sign-in will go on with. It waits in the sign-in's row; without its browser's cookie it opens nothing
(`test_s096_the_pages_value_is_needed_even_from_the_same_origin`)."""


@dataclass
class Secrets:
    """What a subscriber, a browser or a client was given, by what it is."""

    values: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, *values: str | None) -> None:
        self.values.setdefault(kind, set()).update(value for value in values if value)

    def found_in(self, data: bytes, *, besides: str = "") -> list[str]:
        found = []
        for kind, values in self.values.items():
            for value in values if kind != besides else ():
                raw = re.escape(value.encode())
                pattern = rb"(?<![0-9])" + raw + rb"(?![0-9])" if value.isdigit() else raw
                if re.search(pattern, data):
                    found.append(f"{kind} {value[:60]}")
        return found

    def watch(self, response: httpx.Response) -> None:
        """Takes cookies and the values of forms out of a response."""
        for cookie in response.headers.get_list("set-cookie"):
            name, _, rest = cookie.partition("=")
            if "language" not in name:
                self.add("cookie", rest.partition(";")[0])
        if response.headers.get("content-type", "").startswith("text/html"):
            for form in read(response.text).forms:
                kind = CARRIED if form.action == "/oauth2/auth/cancel" else "ticket or csrf"
                self.add(kind, form.fields.get("ticket"), form.fields.get("csrf"))


async def everything(site: Any, secrets: Secrets) -> None:
    """A whole life: right and wrong ways, every secret noted."""
    world: World = site.world
    for name in ("web", "post", "pkce", "jwt", "resource", "other"):
        secrets.add("client secret", getattr(world, name).client_secret)

    async def watch(response: httpx.Response) -> None:
        await response.aread()
        secrets.watch(response)

    visitor: Visitor = site.visitor(event_hooks={"response": [watch]})
    await visitor.start(world.web, scope=SCOPE, login_hint=ANNA, state="state-secret-9f2c", nonce="nonce-secret-77aa")
    await visitor.type_number(ANNA)
    pin = await site.pin(ANNA)
    secrets.add("pin", pin)
    wrong = str((int(pin) + 1) % 10**6).zfill(6)
    await visitor.type_pin(wrong)
    await visitor.type_pin("1" + pin)
    await visitor.type_pin(pin)
    code = callback(await visitor.add_product())["code"]
    tokens = (await exchange(site, world.web, code)).json()
    await exchange(site, Registered(world.web.client_id, "wrong-secret-3b9d-xyz"), code)
    renewed = (await refresh(site, world.web, tokens["refresh_token"])).json()
    jwt_code = callback(await visitor.start(world.jwt, scope=SCOPE))["code"]
    jwt = (await exchange(site, world.jwt, jwt_code)).json()
    secrets.add("presented secret", "wrong-secret-3b9d-xyz")
    secrets.add("code", code, jwt_code)
    for answer in (tokens, renewed, jwt):
        for name in ("access_token", "refresh_token", "id_token"):
            secrets.add(name, answer.get(name))
    await userinfo(site, renewed["access_token"])
    async with site.http() as http:
        for secret in (tokens["access_token"], tokens["refresh_token"], code, jwt["access_token"]):
            await http.get("/userinfo", params={"access_token": secret})
            await http.get(f"/nothing/{secret}")
            await http.get(f"/signin/{secret}")
            await http.get("/oauth2/auth", params={"client_id": secret, "redirect_uri": f"https://x/{secret}", "error": secret})
            await http.get("/userinfo", headers={"authorization": f"Bearer {secret}x"})
            await http.get("/userinfo", headers={"authorization": f"Basic {secret}"})
            for path in ("token", "introspect", "revoke"):
                form = {"grant_type": secret, "token": secret, "code": secret, "client_secret": secret, "refresh_token": secret}
                await http.post(f"/oauth2/{path}", data=form)
                await http.post(f"/oauth2/{path}?client_secret={secret}", data=form)
                await http.post(f"/oauth2/{path}", json=form)
                await http.post(f"/oauth2/{path}", data={**form, "client_id": world.post.client_id})
        await http.post("/oauth2/introspect", data={"token": renewed["access_token"]}, auth=world.resource.basic)
        await http.post("/oauth2/revoke", data={"token": renewed["refresh_token"]}, auth=world.web.basic)
        await http.post("/signin", data={"number": ANNA, "pin": pin})
        await http.get(f"/handset/{ANNA[1:]}")
    await exchange(site, world.web, code)
    await visitor.get(f"/oauth2/sessions/logout?id_token_hint={tokens['id_token']}")
    another: Visitor = site.visitor(event_hooks={"response": [watch]})
    await another.start(world.web, prompt="login")
    await another.type_number(BO)
    waiting = await site.pin(BO)
    secrets.add("pin", waiting)
    for by in range(1, 6):
        await another.type_pin(str((int(waiting) + by) % 10**6).zfill(6))
    assert len(secrets.values) >= 9
    assert all(secrets.values.values())


# S128


def dump_of(site: Site, cluster: Cluster | None) -> bytes:
    """The database as a thief would have it: files with their write-ahead log, or the output of pg_dump."""
    url = site.settings.database.url
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        files = [Path(path + ending) for ending in ("", "-wal", "-shm")]
        return b"".join(file.read_bytes() for file in files if file.exists())
    assert cluster is not None
    program = cluster.binaries / "pg_dump"
    made = subprocess.run([program, "--inserts", url], capture_output=True, check=True)
    assert b"INSERT INTO" in made.stdout
    return made.stdout


def unsealed(dump: bytes) -> bytes:
    """The dump, and what stands in it in hexadecimal, as pg_dump writes bytes."""
    hidden = re.findall(rb"\\x([0-9a-f]+)", dump)
    return dump + b"\n".join(bytes.fromhex(part.decode()) for part in hidden if len(part) % 2 == 0)


async def test_s128_nothing_that_was_given_out_stands_in_the_database(
    any_site: Site, request: pytest.FixtureRequest
) -> None:
    postgres = any_site.settings.database.url.startswith("postgres")
    cluster = request.getfixturevalue("postgres_cluster") if postgres else None
    secrets = Secrets()
    any_site.clock.advance(seconds=1)
    await everything(any_site, secrets)
    dump = unsealed(dump_of(any_site, cluster))
    assert any_site.world.web.client_id.encode() in dump, "this is the right database"
    assert secrets.found_in(dump, besides=CARRIED) == []
    assert secrets.found_in(dump + b" " + next(iter(secrets.values["pin"])).encode() + b" ") != []


# S127


@dataclass
class Remote:
    """What the visitor needs of a site, over the network."""

    server: ServerProcess
    world: World

    @property
    def settings(self) -> Any:
        return type("Settings", (), {"base_url": self.server.url})

    def http(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.server.url, **options)

    def visitor(self, **options: Any) -> Visitor:
        return Visitor(self, self.http(**options))  # type: ignore[arg-type]

    async def pin(self, number: str) -> str:
        import asyncio

        async with self.http() as http:
            for _ in range(100):
                page = (await http.get(f"/handset/{number[1:]}")).text
                if match := re.search(r"@localhost #(\d{6})", page):
                    return match[1]
                await asyncio.sleep(0.05)
        raise AssertionError("no message came")


@pytest.fixture
def debugging(tmp_path: Path) -> Iterator[Remote]:
    toml = '[log]\nlevel = "debug"\nrequests = "all"\n'
    with serving(tmp_path, toml=toml) as server:
        yield Remote(server, change(server, make_world))


async def test_s127_nothing_that_was_given_out_stands_in_a_log_at_debug_level(debugging: Remote) -> None:
    secrets = Secrets()
    await everything(debugging, secrets)
    files = [debugging.server.database.with_name(debugging.server.database.name + end) for end in ("", "-wal")]
    database = b"".join(file.read_bytes() for file in files if file.exists())
    assert secrets.found_in(database, besides=CARRIED) == []
    assert debugging.server.stop() == 0
    log = debugging.server.log
    assert log.count('"event":"request"') > 60, "every request was logged"
    assert log.count("oauth_error") > 5 and "client_authentication_failed" in log, "and so were the faults"
    secrets.add("number", ANNA, ANNA[1:], "0701740605", BO, BO[1:], "70 174 06 05", "174 06 05", "1740605", "1740606")
    secrets.add("request", "state-secret-9f2c", "nonce-secret-77aa")
    secrets.add("master key", debugging.server.environ["DIALKEY_KEYS__MASTER_KEY"])
    assert secrets.found_in(log.encode()) == []
    assert '"event":"bug"' not in log and "Traceback" not in log
    assert "\x1b" not in log


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_s127_a_fault_in_the_middle_tells_no_secret_either(
    level: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A bug whose exception carries a token, a number and a line break."""
    import sys

    program = (
        "import sys, structlog\n"
        "from dialkey.settings import Log\n"
        "from dialkey.web import logs\n"
        "logs.set_up(Log(level=sys.argv[1]))\n"
        "log = structlog.get_logger('t')\n"
        "try:\n"
        "    raise RuntimeError('dk_rt_' + 'A' * 60 + ' +46701740605 \\x1b[31m\\nforged line')\n"
        "except RuntimeError:\n"
        "    log.exception('bug', token='dk_ac_' + 'B' * 40, number='+46701740605', text='a\\r\\n{\"event\":\"x\"}')\n"
        "import logging\n"
        "logging.getLogger('psycopg').warning('statement with dk_at_' + 'C' * 40 + ' and +46701740605\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, level], capture_output=True, cwd=tmp_path, check=True)
    text = done.stderr.decode()
    assert "bug" in text and "psycopg" in text
    assert not re.search(r"AAAA|BBBB|CCCC|1740605|\x1b", text)
    assert len(text.strip().split("\n")) == 2, "one line per event, whatever stands in it"
