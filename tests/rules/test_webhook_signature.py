"""Signatures of the Standard Webhooks specification, and the two ways to check them that the guide shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from dialkey.base.clock import Instant
from dialkey.developers.signing import signed_headers

GUIDE = (Path(__file__).resolve().parents[2] / "docs/how-to/webhooks.md").read_text()
KEY, OLD = bytes(range(32)), bytes(range(32, 64))
SECRET = "whsec_" + b64encode(KEY).decode()
BODY = '{"type": "consent.added", "who": "Åsa"}'.encode()


def snippet(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", GUIDE, re.M | re.S)
    assert found is not None
    return found[1]


def test_the_example_of_the_reference_libraries() -> None:
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", Instant(1614265330000), b'{"test": 2432232314}', [key])
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def cases() -> dict[str, tuple[dict[str, str], bytes, bool]]:
    now = Instant(int(time.time() * 1000))
    good = signed_headers("m1", now, BODY, [KEY])
    return {
        "good": (good, BODY, True),
        "rotating": (signed_headers("m1", now, BODY, [OLD, KEY]), BODY, True),
        "other key": (signed_headers("m1", now, BODY, [OLD]), BODY, False),
        "other body": (good, BODY + b" ", False),
        "other id": ({**good, "webhook-id": "m2"}, BODY, False),
        "old": (signed_headers("m1", Instant(now - 301_000), BODY, [KEY]), BODY, False),
        "moved": ({**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, BODY, False),
        "none": ({**good, "webhook-signature": "v1,"}, BODY, False),
    }


@pytest.mark.parametrize("name", list(cases()))
def test_the_guides_python_checks_it(name: str) -> None:
    scope: dict[str, object] = {}
    exec(snippet("python"), scope)
    headers, body, good = cases()[name]
    assert scope["verify"](SECRET, headers, body) is good  # type: ignore[operator]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_guides_javascript_checks_it(tmp_path: Path) -> None:
    given = {name: [headers, body.decode(), good] for name, (headers, body, good) in cases().items()}
    script = tmp_path / "check.mjs"
    script.write_text(
        snippet("js")
        + f"\nconst cases = {json.dumps(given)};\n"
        + "for (const [name, [headers, body, good]] of Object.entries(cases))\n"
        + f"  if (verify({json.dumps(SECRET)}, headers, Buffer.from(body)) !== good) throw new Error(name);\n"
    )
    done = subprocess.run(["node", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
