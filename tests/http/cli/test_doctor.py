"""`dialkey doctor`, `config` and `keys`: what they say, and the status that they end with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.process import MASTER, command, environment


class Folder:
    """A working directory with a settings file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "dialkey.toml"
        self.variables = environment()
        self.write('issuer = "http://localhost:8080"')

    def write(self, head: str, tail: str = "") -> None:
        self.config.write_text(f'{head}\n[database]\nurl = "sqlite:///{self.path / "d.sqlite3"}"\n{tail}')

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, "--config", str(self.config), environ=self.variables, cwd=self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_doctor_before_and_after_the_migration(folder: Folder) -> None:
    before = folder.run("doctor")
    assert before.returncode == 1
    assert "FAULT  the database lacks" in before.stdout and "dialkey migrate" in before.stdout
    assert folder.run("migrate").returncode == 0
    after = folder.run("doctor")
    assert after.returncode == 0, after.stdout
    assert "FAULT" not in after.stdout
    for says in ("issuer http://localhost:8080", "the master key can be read", "the database (sqlite) answers",
                 "the master key opens", "the RS256 signing key is 0 days old", "the ES256 signing key is 0 days old",
                 "note   PINs go to the virtual handset"):  # fmt: skip
        assert says in after.stdout
    assert MASTER not in after.stdout + after.stderr


def test_doctor_finds_the_wrong_master_key(folder: Folder) -> None:
    folder.run("migrate")
    folder.variables["DIALKEY_KEYS__MASTER_KEY"] = "B" * 42 + "A"
    found = folder.run("doctor")
    assert found.returncode == 1
    assert "FAULT  keys.master_key: this is not the key that the database was made with" in found.stdout


def test_doctor_finds_a_master_key_that_others_can_read(folder: Folder) -> None:
    del folder.variables["DIALKEY_KEYS__MASTER_KEY"]
    key = folder.path / "var" / "master.key"
    assert "cannot be read" in folder.run("doctor").stdout
    assert folder.run("keys", "init").returncode == 0
    assert key.stat().st_mode & 0o777 == 0o600
    assert folder.run("keys", "init").returncode == 1
    key.chmod(0o644)
    found = folder.run("doctor")
    assert found.returncode == 1
    assert "has mode 0644; others must not read it (0600)" in found.stdout
    serve = folder.run("serve")
    assert serve.returncode == 1 and "Traceback" not in serve.stderr


def test_doctor_finds_a_database_that_does_not_open(folder: Folder) -> None:
    folder.config.write_text('[database]\nurl = "sqlite:////proc/nothing/d.sqlite3"\n')
    found = folder.run("doctor")
    assert found.returncode == 1
    assert "FAULT  the database does not open" in found.stdout


def test_doctor_knows_a_public_installation(folder: Folder) -> None:
    folder.write('issuer = "https://id.nordcell.example"', '[sms]\nroute = "log"\n')
    folder.run("migrate")
    found = folder.run("doctor")
    assert found.returncode == 0
    assert "cookies are Secure and carry the __Host- prefix" in found.stdout
    assert "server.trusted_proxies is empty" in found.stdout
    assert "handset" not in found.stdout


@pytest.mark.parametrize("arguments", [("doctor",), ("config", "check"), ("serve",), ("migrate",), ("keys", "list")])
def test_s083_no_command_runs_with_settings_that_cannot_be(folder: Folder, arguments: tuple[str, ...]) -> None:
    folder.write('issuer = "https://id.nordcell.example"')
    done = folder.run(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("settings: sms.route: ")
    assert len(done.stderr.strip().split("\n")) == 1


def test_serve_refuses_a_database_that_was_not_migrated(folder: Folder) -> None:
    done = folder.run("serve")
    assert done.returncode == 1
    assert "run `dialkey migrate`" in done.stderr and "Traceback" not in done.stderr


def test_config_show_hides_secrets_and_shows_the_rest(folder: Folder) -> None:
    folder.variables["DIALKEY_METRICS__TOKEN"] = "metrics-token-4711"
    shown = folder.run("config", "show")
    assert shown.returncode == 0
    assert "keys.master_key = '(set)'" in shown.stdout
    assert "metrics.token = '(set)'" in shown.stdout
    assert "tokens.code_lifetime = 60" in shown.stdout
    assert MASTER not in shown.stdout and "metrics-token-4711" not in shown.stdout


def test_s132_keys_are_listed_rotated_and_revoked(folder: Folder) -> None:
    folder.run("migrate")
    first = folder.run("keys", "list").stdout.strip().split("\n")
    assert len(first) == 2 and all("until rotated" in line for line in first)
    rotated = folder.run("keys", "rotate", "RS256")
    assert rotated.returncode == 0 and "it signs in 3600 seconds" in rotated.stdout
    assert len(folder.run("keys", "list").stdout.strip().split("\n")) == 3
    for line in folder.run("keys", "list").stdout.strip().split("\n"):
        assert folder.run("keys", "revoke", line.split()[0]).returncode == 0
    left = folder.run("keys", "list").stdout
    assert "RS256" in left and "ES256" in left, "there is always one to sign with"
    assert not {line.split()[0] for line in first} & set(left.split())
    missing = folder.run("keys", "revoke", "no-such-key")
    assert missing.returncode == 1 and "there is no key" in missing.stdout
    assert folder.run("keys", "rotate", "pin").returncode == 0
    assert folder.run("doctor").returncode == 0


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("keys",), ("keys", "rotate", "subject"), ("config", "guess")])
def test_a_command_that_does_not_exist_ends_with_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert command(*arguments, environ=environment(), cwd=tmp_path).returncode == 2
