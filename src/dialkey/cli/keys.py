"""`dialkey keys`: the master key, the signing keys, the installation's secrets."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy, SystemEntropy
from dialkey.cli import add_config_option, read_settings
from dialkey.cli.running import run_with_storage
from dialkey.oauth.keys import ALGORITHMS, ensure_keys, list_keys, revoke_key, rotate_key
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import ROTATING, make_master_key, open_keyring, rotate_secret


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("keys", help="make, list, rotate and revoke keys")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    init = actions.add_parser("init", help="make the master key file, mode 0600")
    shown = actions.add_parser("list", help="the signing keys and their lives")
    rotate = actions.add_parser("rotate", help="publish a new signing key, or add a version of a secret")
    rotate.add_argument("what", choices=(*ALGORITHMS, *ROTATING))
    revoke = actions.add_parser("revoke", help="take a signing key out of service at once")
    revoke.add_argument("kid")
    for action, run in ((init, init_key), (shown, show), (rotate, rotate_one), (revoke, revoke_one)):
        add_config_option(action)
        action.set_defaults(run=run)


def init_key(chosen: argparse.Namespace) -> int:
    path = Path(read_settings(chosen).keys.master_key_file)
    try:
        make_master_key(path, SystemEntropy())
    except FileExistsError:
        print(f"{path} exists already; it was left as it is")
        return 1
    print(f"made {path}; keep a copy where the database's backups are not: neither is of use without the other")
    return 0


def show(chosen: argparse.Namespace) -> int:
    async def work(storage: Storage, clock: Clock, _: Entropy) -> None:
        for key in await list_keys(storage, clock):
            until = "until rotated" if key.retired_at is None else f"until {_moment(key.retired_at)}"
            print(f"{key.kid}  {key.alg}  signs from {_moment(key.signs_from)} {until}")

    run_with_storage(read_settings(chosen), work)
    return 0


def rotate_one(chosen: argparse.Namespace) -> int:
    settings = read_settings(chosen)

    async def work(storage: Storage, clock: Clock, entropy: Entropy) -> str:
        if chosen.what in ALGORITHMS:
            keyring = await open_keyring(storage, settings.keys)
            kid = await rotate_key(storage, settings, keyring, clock, entropy, chosen.what)
            return f"published {kid}; it signs in {settings.keys.jwks_max_age} seconds"
        return await _rotate_secret(storage, settings, chosen.what, clock, entropy)

    print(run_with_storage(settings, work))
    return 0


async def _rotate_secret(storage: Storage, settings: Settings, what: str, clock: Clock, entropy: Entropy) -> str:
    version = await rotate_secret(storage, settings.keys, what, clock, entropy)

    async def unit(writer: Writer) -> None:
        await record(
            writer,
            Tag.SECRET_ROTATED,
            entropy=entropy,
            now=clock.now(),
            actor="cli",
            subject=f"secret:{what}",
            data={"version": version},
        )

    await storage.write(unit)
    return f"{what} has version {version}; restart all nodes together: one that was not refuses what the others make"


def revoke_one(chosen: argparse.Namespace) -> int:
    settings = read_settings(chosen)

    async def work(storage: Storage, clock: Clock, entropy: Entropy) -> list[str] | None:
        if not await revoke_key(storage, clock, entropy, chosen.kid):
            return None
        keyring = await open_keyring(storage, settings.keys)
        return await ensure_keys(storage, settings, keyring, clock, entropy)

    made = run_with_storage(settings, work)
    if made is None:
        print(f"there is no key {chosen.kid}")
        return 1
    print("revoked; every node refuses what it signed within two seconds")
    for kid in made:
        print(f"published {kid} in its place")
    return 0


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
