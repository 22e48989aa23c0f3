"""A withdrawal counts at once, on every node; and what a crash leaves is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dialkey.settings import Keys
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from support.clock import ManualClock, SeededEntropy
from support.events import Consumer, remove
from support.site import introspect, make_site, refresh, signed_in_tokens, userinfo
from support.world import ANNA

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def nodes(postgres_databases: Any) -> Any:
    """Two servers with nothing in common but the database; their clocks stand still, so nothing can merely run out."""
    from conftest import MASTER, settings_for

    url, world = postgres_databases.fresh("world")
    settings, made = settings_for(url), []
    for name in ("a", "b"):
        storage = await open_storage(settings.database)
        keyring = await open_keyring(storage, Keys(master_key=MASTER))
        made.append(make_site(settings, storage, keyring, ManualClock(), SeededEntropy(f"node {name}"), world))
        await made[-1].built.house.signing.load()
    yield made
    for site in made:
        await site.storage.close()
    postgres_databases.drop(url)


async def test_s105_a_withdrawal_on_one_node_counts_on_the_other(nodes: Any) -> None:
    a, b = nodes
    client = a.world.web
    tokens = await signed_in_tokens(a, client, ANNA, scope="openid phone offline_access")
    assert (await userinfo(b, tokens["access_token"])).status_code == 200, "and whatever b remembers, it has seen it"
    assert (await introspect(b, client, tokens["access_token"]))["active"]
    tokens = (await refresh(b, client, tokens["refresh_token"])).json()
    consumer = await Consumer.of(b)
    await consumer.poll()
    await remove(a, ANNA, tokens["access_token"])
    assert (await userinfo(b, tokens["access_token"])).status_code == 401
    assert await introspect(b, client, tokens["access_token"]) == {"active": False}
    assert await introspect(b, client, tokens["refresh_token"]) == {"active": False}
    refused = await refresh(b, client, tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    [event] = await consumer.poll()
    assert "revoked" in event["consentChangeEvent"], "and b tells of what happened on a"


@pytest.mark.parametrize("db", ["sqlite", "postgres"])
def test_a_storm_of_kills_loses_and_invents_nothing(db: str) -> None:
    """A short run of bench/r3_events.py, which says what it checks."""
    command = [sys.executable, "bench/r3_events.py", "--db", db, "--workers", "2", "--removals", "8", "--kills", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
