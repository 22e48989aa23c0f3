"""The documents hold: their commands run, their links lead somewhere, and what they name exists.

A code block whose first line is ```` ```sh run ```` is run, block after block in one shell per file, against a demo that is
started for it. A block that names a file (```` ```toml /etc/dialkey/dialkey.toml ````) is written there first. Addresses and paths of
the documents are replaced by those of the test.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import msgspec
import pytest

from dialkey.cli import make_parser
from dialkey.settings import Settings, describe
from support.process import environment, free_port
from support.site import Site

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
NUMBER = "+46701740605"
AUTHORED = [*PAGES, *(ROOT / "tools").iterdir(), ROOT / "Makefile"]


@dataclass(frozen=True)
class Block:
    info: str
    body: str

    @property
    def runs(self) -> bool:
        return self.info.split() == ["sh", "run"]

    @property
    def file(self) -> str | None:
        words = self.info.split()
        return words[1] if len(words) == 2 and words[0] in ("toml", "python") else None


def blocks_of(page: Path) -> list[Block]:
    return [Block(match["info"], match["body"]) for match in FENCE.finditer(page.read_text())]


RUNNABLE = [name for name in NAMES if any(block.runs for block in blocks_of(ROOT / name))]


@dataclass(frozen=True)
class Demo:
    url: str
    folder: Path

    def code(self) -> str:
        """What a subscriber's browser brings back: signs in, adds the product, and gives the code."""
        values = dict(line.split("=", 1) for line in (self.folder / "var/demo/demo.env").read_text().splitlines())
        back = quote(f"{self.url}/demo/callback", safe="")
        address = (
            f"/oauth2/auth?response_type=code&scope=phone%20offline_access&client_id={values['CLIENT_ID']}"
            f"&redirect_uri={back}&state=this-is-a-key-set-by-the-caller"
        )
        with httpx.Client(base_url=self.url, headers={"accept": "text/html"}) as browser:
            page = browser.get(address)
            before = len(self._pins(browser))
            sent = browser.post("/signin", data={**_hidden(page.text, "/signin"), "number": NUMBER})
            sign_in = sent.headers["location"]
            deadline = time.monotonic() + 10
            while len(pins := self._pins(browser)) == before:
                assert time.monotonic() < deadline, "no message came"
                time.sleep(0.1)
            pin = pins[0]
            page = browser.get(sign_in)
            passed = browser.post(f"{sign_in}/pin", data={**_hidden(page.text, f"{sign_in}/pin"), "pin": pin})
            page = browser.get(passed.headers["location"])
            if page.status_code == 200:
                form = _hidden(page.text, "/oauth2/auth/consent") | {"terms": "1", "decision": "add"}
                page = browser.post("/oauth2/auth/consent", data=form)
            location = page.headers["location"]
        return unquote(re.search(r"[?&]code=([^&]+)", location)[1])

    def api_key(self) -> str:
        """An organization's, with every scope, as the portal's page gives it to the demo's developer."""
        values = dict(line.split("=", 1) for line in (self.folder / "var/demo/demo.env").read_text().splitlines())
        with httpx.Client(base_url=self.url, headers={"accept": "text/html"}, follow_redirects=True) as browser:

            def send(address: str, **fields: str) -> httpx.Response:
                form = _hidden(browser.get(address).text, address)
                return browser.post(address, data={**form, **fields})

            home = send("/portal/sign-in", email=values["DEVELOPER_EMAIL"], password=values["DEVELOPER_PASSWORD"])
            base = re.search(r'href="(/portal/o/[\w-]{22})"', home.text)[1]
            scopes = {f"scope.{scope}": "on" for scope in ("products:write", "clients:write", "secrets:write")}
            made = send(f"{base}/keys/new", name="CI", expires="30", **scopes)
            return re.search(r"dk_ak_[\w-]{43}", made.text)[0]

    @staticmethod
    def _pins(browser: httpx.Client) -> list[str]:
        """Of the messages on the handset, the newest first."""
        return re.findall(r"@localhost #(\d{6})", browser.get(f"/handset/{NUMBER[1:]}").text)


def _hidden(page: str, action: str) -> dict[str, str]:
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.S)
    assert form is not None, page[:2000]
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1])
    return {name: html.unescape(value) for name, value in fields}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dialkey.cli", "demo", "--port", str(port)],
            cwd=folder, env=environment(), stdout=output, stderr=output,
        )  # fmt: skip
    made = Demo(f"http://localhost:{port}", folder)
    try:
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                if httpx.get(f"{made.url}/health/ready").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(15)


@pytest.mark.demo
@pytest.mark.parametrize("name", RUNNABLE)
def test_the_commands_run(name: str, demo: Demo, tmp_path: Path) -> None:
    blocks = blocks_of(ROOT / name)
    running = "".join(block.body for block in blocks if block.runs)
    against_demo = "localhost:8080" in running or "var/demo" in running
    folder = demo.folder if against_demo else _installation(tmp_path, with_database="migrate" not in _commands(blocks))
    variables = environment()
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    variables.pop("DIALKEY_KEYS__MASTER_KEY")
    if against_demo and "$CODE" in running:
        variables["CODE"] = demo.code()
    if "$DIALKEY_KEY" in running:
        variables["DIALKEY_KEY"] = demo.api_key()

    def local(text: str) -> str:
        text = text.replace("http://localhost:8080", demo.url).replace("/etc/dialkey", str(folder))
        return re.sub(r"postgresql://[^\s\"']+", f"sqlite:///{folder}/dialkey.sqlite3", text)

    for block in blocks:
        if block.file is not None:
            (folder / local(block.file)).write_text(local(block.body))
    script = "set -eu\n" + "\n".join(local(block.body) for block in blocks if block.runs)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count('"error":') == ERRORS.get(name, 0), done.stdout
    for expected in EXPECTED.get(name, ()):
        assert re.search(expected, done.stdout), f"{expected} in:\n{done.stdout}"


EXPECTED = {
    "README.md": (r'"refresh_token":"dk_rt_',),
    "docs/tutorial/first-login.md": (
        r'"scope":"phone offline_access"',
        r'(?s)"refresh_token":"dk_rt_.*"refresh_token":"dk_rt_',
        r'"phone_number":"\+46701740605"',
        r'"active":true',
        r"HTTP/1.1 200 OK",
        r'"error":"invalid_token"',
        r'"error":"invalid_grant"',
        r'"error":"invalid_client"',
    ),
    "docs/how-to/run-in-production.md": (r"applied 0001_house\.sql", r"ok +the master key opens"),
    "docs/how-to/rotate-keys.md": (r"it signs in 3600 seconds", r"token has version 2"),
    "docs/how-to/add-an-operator-and-a-product.md": (r"client_secret dk_cs_",),
    "docs/how-to/manage-clients-from-ci.md": (r"the same client", r'"required":\["openid","phone"\]', r'"active":false'),
}
"""What must stand in the output."""
ERRORS = {"docs/tutorial/first-login.md": 3}
"""How many answers are errors, on purpose."""


def _commands(blocks: list[Block]) -> str:
    return "\n".join(block.body for block in blocks if block.runs)


def _installation(folder: Path, *, with_database: bool) -> Path:
    """A folder with settings; with a master key and a database too, where the page takes them for granted."""
    (folder / "dialkey.toml").write_text(
        '[database]\nurl = "sqlite:///dialkey.sqlite3"\n[keys]\nmaster_key_file = "master.key"\n'
    )
    if with_database:
        variables = environment()
        variables.pop("DIALKEY_KEYS__MASTER_KEY")
        for command in (["keys", "init"], ["migrate"]):
            subprocess.run(
                [sys.executable, "-m", "dialkey.cli", *command],
                cwd=folder,
                env=variables,
                check=True,
                capture_output=True,
            )
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in _anchors(there), f"{target}: there is no such heading"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


SETTINGS = {key for key, _, _ in describe()}
TABLES = {key.partition(".")[0] for key in SETTINGS if "." in key}


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    dotted = set(re.findall(rf"`((?:{'|'.join(TABLES)})\.[a-z_0-9]+)(?: = [^`]*)?`", text))
    endings = {ending for ending in dotted if ending.endswith((".py", ".toml", ".md", ".env"))}
    assert dotted - endings - SETTINGS - _EVENTS <= set(), "no such setting"
    for variable in re.findall(r"\bDIALKEY_([A-Z_]+)\b", text):
        assert variable in ("CONFIG", "KEY") or variable.lower().replace("__", ".") in SETTINGS, f"DIALKEY_{variable}"
    for block in blocks_of(ROOT / name):
        if block.info.startswith("toml"):
            msgspec.convert(tomllib.loads(block.body), Settings)


_EVENTS = {"session.started", "session.ended"}


def _known_commands() -> set[str]:
    known: set[str] = set()

    def walk(parser: object, prefix: str) -> None:
        for action in parser._actions:  # type: ignore[attr-defined]
            if action.__class__.__name__ == "_SubParsersAction":
                for command, sub in action.choices.items():
                    known.add(prefix + command)
                    walk(sub, f"{prefix}{command} ")

    walk(make_parser(), "")
    return known


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_are_named_exist(name: str) -> None:
    known = _known_commands()
    text = (ROOT / name).read_text()
    inline = re.findall(r"`dialkey ([a-z][^`\n]*)`", text)
    in_blocks = re.findall(
        r"^(?:\$ |.*/)?dialkey ([a-z].*)$",
        "\n".join(b.body for b in blocks_of(ROOT / name) if b.info.startswith("sh")),
        re.M,
    )
    for command in (*inline, *in_blocks):
        words = command.split()
        spoken = " ".join(words[:2]) if words[0] == "keys" and len(words) > 1 else words[0]
        assert spoken in known, f"dialkey {command}"
        for option in re.findall(r"(?<!\S)--[a-z]+", command):
            assert option in _options(), f"dialkey {command}"


def _options() -> set[str]:
    return set(re.findall(r"--[a-z]+", (ROOT / "docs/reference/cli.md").read_text()))


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_has_the_targets_that_are_named(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


OF_THE_DEMO = {"/demo", "/demo/callback", "/demo/removed", "/demo/step"}
_ADDRESS = re.compile(
    r"(?<!\w)(/(?:oauth2|userinfo|signin|handset|health|metrics|demo|media|assets|static|error|\.well-known)\b[\w./{}-]*)"
)


async def test_addresses_that_are_named_exist(site: Site) -> None:
    known = {route.path for route in site.built.app._rest.routes} | OF_THE_DEMO  # type: ignore[attr-defined]
    known |= {"/handset", "/handset/{digits}", "/handset/{digits}/events", "/assets/"}
    wrong = []
    for page in PAGES:
        text = page.read_text()
        spans = [*re.findall(r"`([^`\n]+)`", FENCE.sub("", text)), *(b.body for b in blocks_of(page))]
        for span in spans:
            for address in _ADDRESS.findall(re.sub(r"\S*var/demo\S*", "", re.sub(r"https?://[^/\s'\"]+", " ", span))):
                if address.rstrip(".") not in known:
                    wrong.append(f"{page.name}: {address}")
    assert wrong == []


async def test_every_address_for_clients_is_documented(site: Site) -> None:
    reference = (ROOT / "docs/reference/endpoints.md").read_text()
    for route in site.built.app._rest.routes:  # type: ignore[attr-defined]
        if route.path.startswith(("/portal", "/mailbox")):
            continue  # pages that lead from one to the other
        shortened = re.sub(r"/(theme/)?\{(accent|name)\}(\.css)?$", "/", route.path)
        assert shortened in reference, f"{route.path} is not in endpoints.md"


REGISTRIES = re.compile(
    r"\b(pypi\.org|pythonhosted|registry\.npmjs|npmjs\.(com|org)|proxy\.golang|index\.crates|repo1?\.maven|rubygems|docker\.io|"
    r"ghcr\.io|quay\.io|artifactory|nexus\.|jfrog|devpi|--index-url|--extra-index-url)",
    re.I,
)


@pytest.mark.parametrize("page", AUTHORED, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_registry_host_and_no_path_of_a_machine(page: Path) -> None:
    if page.is_dir():
        pytest.skip("a folder")
    text = page.read_text()
    assert not REGISTRIES.search(text)
    assert not re.search(r"(?<![\w.])/(home|root|work|Users)/", text)


def test_no_picture_is_heavy() -> None:
    for picture in (ROOT / "docs/images").iterdir():
        assert picture.stat().st_size < 300_000, picture.name
