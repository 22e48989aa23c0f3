"""Attacks below HTTP's meaning: two readings of one length, requests that never end, requests that are too large."""

from __future__ import annotations

import contextlib
import gzip
import statistics
import time
from collections.abc import Iterator

import pytest

from dialkey.web.assets import ASSETS, asset_url
from support.process import Answer, ServerProcess, read_answer, serving

FORM = "application/x-www-form-urlencoded"
LARGEST = max(ASSETS, key=lambda name: len(ASSETS[name].body))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("wire"), toml='[log]\nrequests = "all"\n') as running:
        yield running


def head(server: ServerProcess, request: str = "POST /oauth2/token", **headers: str) -> bytes:
    lines = [f"{request} HTTP/1.1", f"Host: {server.host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def smuggled(server: ServerProcess) -> bytes:
    """A request that must not be carried out: its answer would be 200."""
    return head(server, "GET /.well-known/jwks.json")


def refused(answer: Answer) -> None:
    assert answer.status == 400, answer
    assert answer.closed, "the connection stayed open"
    assert answer.responses == 1, "what stood behind the bad request was answered"


def test_the_server_answers(server: ServerProcess) -> None:
    answer = server.send(head(server, "GET /.well-known/jwks.json", Connection="close"))
    assert (answer.status, answer.closed) == (200, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "4", "Transfer_Encoding": "chunked"},
        {"Transfer_Encoding": "chunked", "Content_Length": "4"},
        {"Transfer_Encoding": "chunked", "transfer_encoding": "identity"},
        {"Transfer_Encoding": "chunked", "transfer_encoding": "chunked"},
        {"Transfer_Encoding": "xchunked"},
        {"Transfer_Encoding": "chunked, identity"},
        {"Transfer_Encoding": "\x0bchunked"},
        {"Transfer_Encoding": "identity, chunked, identity"},
        {"Content_Length": "4", "content_length": "44"},
        {"Content_Length": "4", "content_length": "4"},
        {"Content_Length": "4, 4"},
        {"Content_Length": "+4"},
        {"Content_Length": "-1"},
        {"Content_Length": "0x4"},
        {"Content_Length": "4 4"},
        {"Content_Length": "99999999999999999999999"},
        {"Content_Length": "4", "Transfer_Encoding": "identity"},
    ],
    ids=repr,
)
def test_s099_two_lengths_are_refused_and_the_connection_closed(server: ServerProcess, headers: dict[str, str]) -> None:
    refused(server.send(head(server, Content_Type=FORM, **headers) + b"0\r\n\r\n" + smuggled(server)))


@pytest.mark.parametrize(
    "raw",
    [
        "POST /oauth2/token HTTP/1.1\nHost: {host}\nContent-Length: 0\n\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\nContent-Length: 0\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\n X: a\r\nContent-Length: 0\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nContent-Length : 0\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nX\x00: a\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nX: a\x00b\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nX: a\rb\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nX: no host\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "PO\x01ST /oauth2/token HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "POST /oauth2/token HTTP/9.1\r\nHost: {host}\r\n\r\n",
    ],
    ids=range(16),
)
def test_s099_broken_framing_is_refused_and_the_connection_closed(server: ServerProcess, raw: str) -> None:
    refused(server.send(raw.format(host=server.host).encode("latin-1") + smuggled(server)))


def test_s099_what_stands_behind_a_refused_request_is_not_carried_out(server: ServerProcess) -> None:
    before = server.log.count('"route":"Discovery.keys"')
    server.send(head(server, Content_Length="4", Transfer_Encoding="chunked") + b"0\r\n\r\n" + smuggled(server))
    server.send(head(server, "GET /health/live", Connection="close") + smuggled(server))
    server.send(head(server, "GET /health/live", Connection="close"))
    assert server.log.count('"route":"Discovery.keys"') == before


def test_s099_proper_pipelining_is_answered_in_order(server: ServerProcess) -> None:
    answer = server.send(
        head(server, "GET /health/live") + smuggled(server) + head(server, "GET /nothing", Connection="close")
    )
    statuses = [answer.status] + [int(part.split(b" ")[0]) for part in answer.rest.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404]


def test_s099_a_body_that_looks_like_a_request_is_a_body(server: ServerProcess) -> None:
    inner = smuggled(server)
    answer = server.send(head(server, Content_Type=FORM, Content_Length=str(len(inner)), Connection="close") + inner)
    assert answer.status in (400, 401)
    assert answer.responses == 1


def test_s097_an_absolute_uri_does_not_move_the_issuer(server: ServerProcess) -> None:
    answer = server.send(head(server, "GET http://evil.example/.well-known/openid-configuration", Connection="close"))
    assert b"evil.example" not in answer.rest
    assert answer.status in (200, 400, 421)
    answer = server.send(b"GET /.well-known/openid-configuration HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.status == 421
    assert b"evil.example" not in answer.rest


ENDPOINTS = ("/oauth2/token", "/oauth2/revoke", "/oauth2/introspect", "/oauth2/auth", "/signin", "/userinfo")


def timed(server: ServerProcess, data: bytes) -> tuple[Answer, float]:
    """How long until the first byte of the answer, the attempt's best of three: a busy machine is not the server."""
    best, answer = 9.0, None
    for _ in range(3):
        with server.connect() as connection:
            started = time.perf_counter()
            try:
                connection.sendall(data)
                connection.recv(1, 2)  # MSG_PEEK
            except (BrokenPipeError, ConnectionResetError):
                pass
            best = min(best, time.perf_counter() - started)
            answer = read_answer(connection, wait=0.2)
    assert answer is not None
    return answer, best


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_s121_a_body_above_64_kilobytes_is_413_before_it_is_sent(server: ServerProcess, endpoint: str) -> None:
    announced = head(
        server, f"POST {endpoint}", Content_Type=FORM, Content_Length=str(10**9), Sec_Fetch_Site="same-origin"
    )
    answer, took = timed(server, announced)
    assert answer.status == 413, answer
    assert answer.closed
    assert took < 0.1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_s121_an_endless_chunked_body_is_413(server: ServerProcess, endpoint: str) -> None:
    start = head(
        server, f"POST {endpoint}", Content_Type=FORM, Transfer_Encoding="chunked", Sec_Fetch_Site="same-origin"
    )
    answer = server.send(start + b"4000\r\n" + b"a" * 0x4000 + (b"\r\n4000\r\n" + b"a" * 0x4000) * 20)
    assert answer.status == 413
    assert answer.closed


@pytest.mark.parametrize("size", [60_000, 100_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("where", ["one header", "many headers", "url", "query"])
def test_s121_a_huge_head_is_refused_at_once(server: ServerProcess, where: str, size: int) -> None:
    filler = "a" * size
    data = {
        "one header": head(server, "GET /.well-known/jwks.json", X=filler),
        "many headers": head(server, "GET /.well-known/jwks.json", **{f"x{n}": "a" * 90 for n in range(size // 100)}),
        "url": head(server, f"GET /{filler}"),
        "query": head(server, f"GET /oauth2/auth?x={filler}"),
    }[where]
    answer, took = timed(server, data)
    assert answer.status in (414, 431), answer.head
    assert answer.closed
    assert took < 0.1 + size / 20e6


def test_s121_a_head_of_common_size_is_answered(server: ServerProcess) -> None:
    assert server.send(head(server, "GET /.well-known/jwks.json", X="a" * 16_000, Connection="close")).status == 200
    assert server.send(head(server, f"GET /nothing?{'a' * 16_000}", Connection="close")).status == 404


@pytest.mark.parametrize(
    "media_type, body",
    [
        ("application/json", b"[" * 10_000 + b"]" * 10_000),
        ("application/json", b'{"a":' * 10_000),
        (FORM, b"&".join(b"p%d=1" % n for n in range(101))),
        (FORM, b"&".join(b"p%d=1" % n for n in range(9000))),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\na\r\n--x--'),
        ("text/plain", b"grant_type=client_credentials"),
        (FORM, b"%" * 60_000),
        (FORM, b"=" * 60_000),
        (FORM, b"\xff" * 60_000),
        (FORM, b"a=" + b"%00" * 20_000),
    ],
    ids=["deep-json", "open-json", "101", "9000", "multipart", "plain", "percent", "equals", "not-utf8", "nul"],
)
@pytest.mark.parametrize("endpoint", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect", "/oauth2/auth"])
def test_s121_bodies_that_are_no_form_are_4xx_quickly(
    server: ServerProcess, endpoint: str, media_type: str, body: bytes
) -> None:
    start = head(server, f"POST {endpoint}", Content_Type=media_type, Content_Length=str(len(body)), Connection="close")
    answer, took = timed(server, start + body)
    assert 400 <= answer.status < 500, answer.head
    assert took < 0.1


def test_s121_a_compressed_body_is_not_unpacked(server: ServerProcess) -> None:
    bomb = gzip.compress(b"a=" + b"0" * 40_000_000)
    assert len(bomb) < 64_000
    before = server.resident_kilobytes
    start = head(server, Content_Type=FORM, Content_Encoding="gzip", Content_Length=str(len(bomb)), Connection="close")
    answer, took = timed(server, start + bomb)
    assert 400 <= answer.status < 500
    assert took < 0.1
    assert server.resident_kilobytes - before < 20_000


def test_s121_memory_stays_flat_under_large_requests(server: ServerProcess) -> None:
    large = head(server, Content_Type=FORM, Content_Length="60000", Connection="close") + b"a=" + b"b" * 59_998
    wide = head(server, "GET /nothing", X="a" * 1_000_000)
    for _ in range(5):
        server.send(large, wait=0.5)
        server.send(wide, wait=0.5)
    before = server.resident_kilobytes
    for _ in range(40):
        server.send(large, wait=0.5)
        server.send(wide, wait=0.5)
    assert server.resident_kilobytes - before < 20_000


def latencies(server: ServerProcess, seconds: float) -> list[float]:
    """New connections, one after the other; each must be answered 200."""
    taken = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        started = time.perf_counter()
        answer = server.send(head(server, "GET /.well-known/jwks.json", Connection="close"), wait=5)
        taken.append(time.perf_counter() - started)
        assert answer.status == 200, answer.head
        time.sleep(0.002)
    return taken


def p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


@pytest.mark.parametrize(
    "kind", ["silent", "slow head", "slow body", "slow reader"]
)
def test_s122_500_slow_sockets_do_not_slow_others_down(server: ServerProcess, kind: str) -> None:
    opening = {
        "silent": b"",
        "slow head": f"GET /.well-known/jwks.json HTTP/1.1\r\nHost: {server.host}\r\n".encode(),
        "slow body": head(server, Content_Type=FORM, Content_Length="5000") + b"a",
        "slow reader": head(server, f"GET {asset_url(LARGEST)}") * 4,
    }[kind]
    drip = {"slow head": b"X-a: b\r\n", "slow body": b"a"}.get(kind)
    baseline = latencies(server, 0.6)
    sockets = []
    try:
        for _ in range(500):
            connection = server.connect(receive_buffer=2048 if kind == "slow reader" else None)
            if opening:
                connection.sendall(opening)
            sockets.append(connection)
        latencies(server, 0.5)  # five hundred connections have just been opened
        under_attack: list[float] = []
        for _ in range(4):
            under_attack += latencies(server, 0.3)
            for connection in sockets:
                if drip:
                    connection.sendall(drip)
        assert p99(under_attack) <= max(2 * p99(baseline), 0.05)
    finally:
        for connection in sockets:
            connection.close()


def test_s122_a_request_must_arrive_within_ten_seconds(server: ServerProcess) -> None:
    whole = head(server, "GET /health/live")
    kinds = {
        "silent": (b"", b""),
        "slow head": (b"GET / HTTP/1.1\r\n", b"X-a: b\r\n"),
        "slow body": (head(server, Content_Type=FORM, Content_Length="5000"), b"a"),
        "second head": (whole + b"GET / HT", b""),
        "drip after the answer": (head(server, "GET /health/live", Content_Length="5000"), b"a"),
    }
    started = time.monotonic()
    held_before = server.open_files
    readers = [server.connect(receive_buffer=2048) for _ in range(10)]
    for reader in readers:
        reader.sendall(head(server, f"GET {asset_url(LARGEST)}") * 300)  # and nothing is read of the answers
    open_connections = {}
    received: dict[str, bytes] = {}
    closed_after: dict[str, float] = {}
    for kind, (opening, _) in kinds.items():
        connection = open_connections[kind] = server.connect()
        connection.sendall(opening)
        connection.settimeout(0.1)
        received[kind] = b""
    while open_connections and time.monotonic() - started < 14:
        for kind, connection in list(open_connections.items()):
            piece = b""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(kinds[kind][1])
                try:
                    piece = connection.recv(65536)
                except TimeoutError:
                    continue
            received[kind] += piece
            if not piece:
                closed_after[kind] = time.monotonic() - started
                open_connections.pop(kind).close()
    assert not open_connections
    assert all(9 < seconds < 12 for seconds in closed_after.values()), closed_after
    while server.open_files > held_before and time.monotonic() - started < 25:
        time.sleep(0.2)
    assert server.open_files <= held_before, "who reads nothing is let go too"
    for reader in readers:
        reader.close()
    assert received["slow head"].startswith(b"HTTP/1.1 408 ")
    assert received["slow body"].startswith(b"HTTP/1.1 408 ")
    assert received["second head"].startswith(b"HTTP/1.1 200 ")


def test_s122_nothing_of_all_this_was_a_fault(server: ServerProcess) -> None:
    assert '"status":5' not in server.log
    assert "Traceback" not in server.log
    assert '"event":"bug"' not in server.log
