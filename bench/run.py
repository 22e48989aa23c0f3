"""Dialkey and node-oidc-provider side by side: the same requests, the same machine, the same minute.

The server has core 0 for itself; the load generator and PostgreSQL share core 1. Rounds alternate between the servers
and the median round counts, because on a small machine only the ratio of two figures from one run means anything. Both
databases keep an acknowledged commit through a power cut (fsync on; SQLite with synchronous=FULL).

Seeding, the same for every server: a command that takes `--codes N --access-tokens M --refresh-tokens K` and any number
of `--kind plain|openid`, writes them straight into the database and prints

    {"service": {"client_id", "client_secret", "scope"},
     "plain":   {"client_id", "client_secret", "redirect_uri", "codes": […], "refresh_tokens": ["…"]},
     "openid":  the same,
     "access_tokens": ["…"]}

A code is the form fields that redeem it: {"code": "…", "code_verifier": "…"}, the verifier only where PKCE was used.
Codes, refresh and access tokens each belong to a grant of their own. `plain` has the scopes "phone offline_access" and
so no ID token; `openid` adds one, signed RS256. Access tokens may be used at userinfo. `service` may use
client_credentials with its scope and may introspect the access tokens.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import process
from bench.load import Chain, Cycle, Once, Outcome, Source, basic, get, load, post
from bench.postgres import Cluster
from bench.world import Store, World

NODE = Path(__file__).resolve().parent / "peers" / "node-oidc-provider"
CONNECTIONS = 32
TOKENS = 200
"""So many different access tokens are cycled through."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a server has its endpoints."""

    token: str = "/oauth2/token"
    introspect: str = "/oauth2/introspect"
    userinfo: str = "/userinfo"
    discovery: str = "/.well-known/openid-configuration"
    jwks: str = "/.well-known/jwks.json"


class Target(ABC):
    """A server under measurement."""

    name: str
    paths = Paths()
    codes_per_second: int
    """An upper guess of its code exchanges, to seed enough of them; corrected by the first round."""

    def __init__(self, database: str, url: str, directory: Path, core: int | None) -> None:
        self.database = database
        self.url = url
        self.directory = directory
        self.core = core

    @abstractmethod
    def start(self) -> None:
        """Returns when it answers."""

    @abstractmethod
    def seed(self, *, codes: int = 0, access_tokens: int = 0, refresh_tokens: int = 0, kinds: Sequence[str]) -> dict:
        """See the top of this file."""

    @abstractmethod
    def stop(self) -> None: ...

    @property
    @abstractmethod
    def pid(self) -> int:
        """The first process; all below it belong to the server."""

    @property
    @abstractmethod
    def base_url(self) -> str: ...


class NodeTarget(Target):
    """node-oidc-provider with the adapters in bench/peers/node-oidc-provider."""

    name = "node"
    paths = Paths("/token", "/token/introspection", "/me", "/.well-known/openid-configuration", "/jwks")
    codes_per_second = 2000

    def __init__(self, database: str, url: str, directory: Path, core: int | None) -> None:
        super().__init__(database, url, directory, core)
        self._port = process.free_port()
        self._process: subprocess.Popen | None = None
        self._environment = os.environ | {"NODE_ENV": "production", "PORT": str(self._port), "DB": database}
        if database == "postgres":
            self._environment["DATABASE_URL"] = url
        else:
            self._environment["DB_PATH"] = str(directory / "node.sqlite3")

    @staticmethod
    def version() -> str:
        package = NODE / "node_modules" / "oidc-provider" / "package.json"
        return json.loads(package.read_text())["version"] if package.exists() else "not installed"

    @staticmethod
    def install() -> None:
        """Once, by its lock file."""
        if not shutil.which("node") or not shutil.which("npm"):
            raise RuntimeError("the peer needs Node.js and npm; without them use --only dialkey")
        if not (NODE / "node_modules" / "oidc-provider").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True)

    def start(self) -> None:
        self.install()
        with (self.directory / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                process.pinned(["node", "server.mjs"], self.core), cwd=NODE, env=self._environment, stdout=log,
                stderr=log, start_new_session=True,
            )
        process.wait_for_port(self._port, self._process)

    def seed(self, *, codes: int = 0, access_tokens: int = 0, refresh_tokens: int = 0, kinds: Sequence[str]) -> dict:
        command = ["node", "seed.mjs", "--codes", str(codes), "--access-tokens", str(access_tokens)]
        command += ["--refresh-tokens", str(refresh_tokens)]
        for kind in kinds:
            command += ["--kind", kind]
        done = subprocess.run(command, cwd=NODE, env=self._environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"seeding node-oidc-provider failed:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def stop(self) -> None:
        process.stop(self._process)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"


class DialkeyTarget(Target):
    """`dialkey serve` with one worker; how it is called stands in bench/world.py."""

    name = "dialkey"
    codes_per_second = 9000

    def __init__(self, database: str, url: str, directory: Path, core: int | None) -> None:
        super().__init__(database, url, directory, core)
        path = directory / "dialkey.sqlite3"
        store = Store(database, url) if database == "postgres" else Store(database, f"sqlite:///{path}", path=path)
        self._world = World(store, workers=1, core=core)

    def start(self) -> None:
        self._world.__enter__()
        self._world.start()

    def seed(self, *, codes: int = 0, access_tokens: int = 0, refresh_tokens: int = 0, kinds: Sequence[str]) -> dict:
        return self._world.seed(
            codes=codes, access_tokens=access_tokens, refresh_tokens=refresh_tokens, kinds=kinds
        )

    def stop(self) -> None:
        self._world.__exit__()

    @property
    def pid(self) -> int:
        return self._world.pid

    @property
    def base_url(self) -> str:
        return self._world.base_url


TARGETS: dict[str, type[Target]] = {"dialkey": DialkeyTarget, "node": NodeTarget}


class Requests:
    """The requests of one target, built from what was seeded there."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._host = urlsplit(target.base_url).netloc
        self._codes_per_second = float(target.codes_per_second)
        self._chains: dict[str, Chain] = {}
        basis = target.seed(access_tokens=TOKENS, refresh_tokens=CONNECTIONS, kinds=("plain", "openid"))
        self._families = {kind: basis[kind] for kind in ("plain", "openid")}
        self._service = basis["service"]
        self._access_tokens = basis["access_tokens"]

    def learn(self, rate: float) -> None:
        """Seed about twice the codes that the last round used."""
        self._codes_per_second = max(200.0, rate * 2)

    def client_credentials(self, seconds: float) -> Source:
        form = {"grant_type": "client_credentials", "scope": self._service["scope"]}
        return Cycle([post(self._host, self._target.paths.token, form, self._basic(self._service))])

    def introspection(self, seconds: float) -> Source:
        path, authorization = self._target.paths.introspect, self._basic(self._service)
        return Cycle(post(self._host, path, {"token": token}, authorization) for token in self._access_tokens)

    def userinfo(self, seconds: float) -> Source:
        path = self._target.paths.userinfo
        return Cycle(get(self._host, path, f"Bearer {token}") for token in self._access_tokens)

    def discovery(self, seconds: float) -> Source:
        return Cycle([get(self._host, self._target.paths.discovery)])

    def jwks(self, seconds: float) -> Source:
        return Cycle([get(self._host, self._target.paths.jwks)])

    def codes(self, kind: str, seconds: float) -> Source:
        """Freshly seeded each time: codes live for a minute."""
        family = self._target.seed(codes=int(self._codes_per_second * seconds) + CONNECTIONS, kinds=(kind,))[kind]
        fields = {"grant_type": "authorization_code", "redirect_uri": family["redirect_uri"]}
        authorization = self._basic(family)
        return Once([
            post(self._host, self._target.paths.token, fields | code, authorization) for code in family["codes"]
        ])

    def refreshes(self, kind: str) -> Source:
        """One family per connection, which goes on where the round before ended."""
        if kind not in self._chains:
            family = self._families[kind]
            authorization = self._basic(family)
            path = self._target.paths.token

            def build(token: str) -> bytes:
                form = {"grant_type": "refresh_token", "refresh_token": token}
                return post(self._host, path, form, authorization)

            def follow(body: bytes) -> bytes | None:
                token = json.loads(body).get("refresh_token")
                return build(token) if token else None

            self._chains[kind] = Chain([build(token) for token in family["refresh_tokens"]], follow)
        return self._chains[kind]

    @staticmethod
    def _basic(client: dict[str, str]) -> str:
        return basic(client["client_id"], client["client_secret"])


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    aim: float
    """So many times the peer's rate."""
    source: Callable[[Requests, float], Source]
    marker: bytes
    """Stands in every good answer."""
    spends_codes: bool = False


OPERATIONS = (
    Operation("client_credentials", 3, Requests.client_credentials, b'"access_token"'),
    Operation("introspection", 4, Requests.introspection, b'"active":true'),
    Operation("userinfo", 4, Requests.userinfo, b'"sub"'),
    Operation("code, no ID token", 4, lambda made, s: made.codes("plain", s), b'"refresh_token"', spends_codes=True),
    Operation("code, RS256 ID token", 2, lambda made, s: made.codes("openid", s), b'"id_token"', spends_codes=True),
    Operation("refresh, no ID token", 4, lambda made, s: made.refreshes("plain"), b'"refresh_token"'),
    Operation("refresh, RS256 ID token", 2, lambda made, s: made.refreshes("openid"), b'"id_token"'),
    Operation("discovery", 2, Requests.discovery, b'"token_endpoint"'),
    Operation("JWKS", 2, Requests.jwks, b'"keys"'),
)


@dataclass(slots=True)
class Round:
    """One target, one operation, about two seconds."""

    rate: float
    p50_ms: float
    p99_ms: float
    server_us: float
    """CPU time of the server's processes per request."""
    postgres_us: float
    generator_load: float
    """Share of its core that the generator used; near 1 it is the generator that was measured."""
    errors: int
    sample: str
    rss_mib: float


@dataclass(slots=True)
class Figure:
    """The median of the rounds; errors are summed."""

    target: str
    operation: str
    database: str
    rounds: list[Round] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(getattr(each, name) for each in self.rounds)

    @property
    def errors(self) -> int:
        return sum(each.errors for each in self.rounds)


def measure(target: Target, cluster: Cluster | None, source: Source, marker: bytes, seconds: float) -> Round:
    """One round."""
    server = process.tree(target.pid)
    postgres = process.tree(cluster.pid) if cluster else []
    before = process.cpu_seconds(server), process.cpu_seconds(postgres), time.process_time(), time.perf_counter()
    outcome: Outcome = load(target.base_url, source, connections=CONNECTIONS, seconds=seconds, marker=marker)
    wall = time.perf_counter() - before[3]
    generator = time.process_time() - before[2]
    server_cpu = process.cpu_seconds(server) - before[0]
    postgres_cpu = process.cpu_seconds(process.tree(cluster.pid) if cluster else []) - before[1]
    per_request = 1e6 / max(1, outcome.total)
    return Round(
        rate=outcome.rate, p50_ms=outcome.quantile(0.5) * 1e3, p99_ms=outcome.quantile(0.99) * 1e3,
        server_us=server_cpu * per_request, postgres_us=postgres_cpu * per_request, generator_load=generator / wall,
        errors=outcome.unexpected, sample=outcome.sample.decode(errors="replace"),
        rss_mib=process.rss_bytes(process.tree(target.pid)) / 2**20,
    )


@contextlib.contextmanager
def running(names: Sequence[str], database: str, cores: tuple[int, int] | None) -> Iterator[
    tuple[list[Target], Cluster | None]
]:
    """All servers at once, idle while another one is measured, each with a database of its own."""
    server_core, other_core = cores or (None, None)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-run-")))
        cluster = stack.enter_context(Cluster(core=other_core)) if database == "postgres" else None
        targets = []
        for name in names:
            url = cluster.create_database(name) if cluster else ""
            target = TARGETS[name](database, url, directory, server_core)
            stack.callback(target.stop)
            target.start()
            targets.append(target)
        yield targets, cluster


def bench(
    names: Sequence[str], database: str, cores: tuple[int, int] | None, options: argparse.Namespace
) -> list[Figure]:
    """All operations on one database."""
    figures = []
    with running(names, database, cores) as (targets, cluster):
        made = {target.name: Requests(target) for target in targets}
        for target in targets:  # compilers that work while the program runs have their time before the first figure
            for source in (made[target.name].client_credentials(1), made[target.name].introspection(1)):
                measure(target, cluster, source, b"", options.warmup)
        for operation in options.operations:
            row = {target.name: Figure(target.name, operation.name, database) for target in targets}
            for number in range(options.rounds + 1):
                seconds = options.seconds if number else options.warmup
                for target in targets:
                    source = operation.source(made[target.name], seconds)
                    result = measure(target, cluster, source, operation.marker, seconds)
                    if operation.spends_codes:
                        made[target.name].learn(result.rate)
                    if number:
                        row[target.name].rounds.append(result)
                    if result.errors:
                        print(f"  {target.name}, {operation.name}: {result.errors} errors, {result.sample}",
                              file=sys.stderr)
            figures += row.values()
            line = ", ".join(f"{name} {figure.median('rate'):,.0f}/s" for name, figure in row.items())
            print(f"  {database}: {operation.name}: {line}", file=sys.stderr, flush=True)
    return figures


HEADINGS = (
    "operation", "server", "req/s", "p50 ms", "p99 ms", "server µs", "PG µs", "RSS MiB", "errors", "ratio", "aim", "",
)


def rows(figures: Sequence[Figure]) -> Iterator[tuple[str, ...]]:
    """The table's lines for one database. A star: the generator was near its own limit."""
    peers = {figure.operation: figure for figure in figures if figure.target == "node"}
    aims = {operation.name: operation.aim for operation in OPERATIONS}
    for figure in figures:
        busy = "*" if figure.median("generator_load") > 0.9 else ""
        cells = [figure.operation, figure.target, f"{figure.median('rate'):,.0f}{busy}"]
        cells += [f"{figure.median(name):.1f}" for name in ("p50_ms", "p99_ms")]
        cells += [f"{figure.median(name):.0f}" for name in ("server_us", "postgres_us", "rss_mib")]
        cells.append(str(figure.errors))
        peer = peers.get(figure.operation)
        if figure.target == "node":
            cells += ["", "", ""]
        else:
            ratio = figure.median("rate") / peer.median("rate") if peer and peer.median("rate") else math.nan
            reached = "" if math.isnan(ratio) else "ok" if ratio >= aims[figure.operation] else "short"
            cells += ["" if math.isnan(ratio) else f"{ratio:.1f}x", f">= {aims[figure.operation]:g}x", reached]
        yield tuple(cells)


def table(lines: Sequence[tuple[str, ...]], *, markdown: bool) -> str:
    """Text columns first, numbers to the right."""
    if markdown:
        ruler = "|".join("---" if at < 2 or at == len(HEADINGS) - 1 else "---:" for at in range(len(HEADINGS)))
        body = ["| " + " | ".join(line) + " |" for line in (HEADINGS, *lines)]
        return "\n".join([body[0], f"|{ruler}|", *body[1:]])
    widths = [max(len(line[at]) for line in (HEADINGS, *lines)) for at in range(len(HEADINGS))]

    def pad(line: tuple[str, ...]) -> str:
        cells = zip(line, widths, strict=True)
        return "  ".join(c.ljust(w) if at < 2 else c.rjust(w) for at, (c, w) in enumerate(cells)).rstrip()

    return "\n".join([pad(HEADINGS), "  ".join("-" * width for width in widths), *map(pad, lines)])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(TARGETS), help="one server instead of all")
    parser.add_argument("--db", choices=("sqlite", "postgres"), help="one database instead of both")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3, help="that count, for each server and operation")
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds of the round before, which does not count")
    parser.add_argument("--operation", action="append", choices=[each.name for each in OPERATIONS], help="only this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    options = parser.parse_args()
    options.operations = [each for each in OPERATIONS if not options.operation or each.name in options.operation]
    return options


def main() -> int:
    options = arguments()
    names = [options.only] if options.only else list(TARGETS)
    available = sorted(os.sched_getaffinity(0))
    cores = (available[0], available[1]) if len(available) > 1 and shutil.which("taskset") else None
    if cores:
        os.sched_setaffinity(0, {cores[1]})
    record: dict[str, Any] = {"seconds": options.seconds, "rounds": options.rounds, "connections": CONNECTIONS}
    record["cores"] = cores
    figures: list[Figure] = []
    for database in [options.db] if options.db else ["sqlite", "postgres"]:
        part = bench(names, database, cores, options)
        figures += part
        title = {"sqlite": "SQLite, WAL, synchronous=FULL", "postgres": "PostgreSQL, fsync on"}[database]
        print(f"\n{'## ' if options.markdown else ''}{title}\n")
        print(table(list(rows(part)), markdown=options.markdown), flush=True)
    where = f"server on core {cores[0]}, generator and database on core {cores[1]}" if cores else "NOT pinned to cores"
    print(f"\n{CONNECTIONS} connections, median of {options.rounds} rounds of {options.seconds:g} s; {where}.")
    if "node" in names:
        print(f"node-oidc-provider {NodeTarget.version()}.")
    if any(figure.median("generator_load") > 0.9 for figure in figures):
        print("* the load generator used more than 90 % of its core: the server may be faster than this.")
    if options.json:
        record["figures"] = [asdict(figure) for figure in figures]
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if any(figure.errors for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
