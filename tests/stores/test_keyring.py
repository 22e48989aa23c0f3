"""The installation's secrets: made once, encrypted, rotated, and useless without the right master key."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from dialkey.base.signed import b64, seal, unb64, unseal
from dialkey.settings import Keys
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import (
    PURPOSES,
    ROTATING,
    Box,
    Keyring,
    KeyringError,
    change_master_key,
    ensure_secrets,
    make_master_key,
    master_key,
    open_keyring,
    rotate_secret,
)
from support.clock import ManualClock, SeededEntropy

MASTER = b"tests-only-master-key-of-32-byte"
KEYS = Keys(master_key=b64(MASTER))
ROWS = Statement("tests.secrets", "SELECT purpose, version, sealed FROM secrets ORDER BY purpose, version")
DELETE = Statement("tests.secrets_delete", "DELETE FROM secrets WHERE purpose = :purpose")


async def test_there_is_one_secret_of_each_purpose_and_all_differ(storage: Storage) -> None:
    keyring = await open_keyring(storage, KEYS)
    assert set(keyring.keys) == set(PURPOSES)
    keys = [keyring[purpose].key() for purpose in PURPOSES]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 32 for key in keys)


async def test_secrets_are_encrypted_at_rest(storage: Storage) -> None:
    keyring = await open_keyring(storage, KEYS)
    for row in await storage.read.all(ROWS):
        assert keyring[row.purpose].versions[row.version] not in bytes(row.sealed)


async def test_another_master_key_opens_nothing(storage: Storage) -> None:
    with pytest.raises(KeyringError, match="not the key that the database was made with"):
        await open_keyring(storage, Keys(master_key=b64(b"x" * 32)))


async def test_making_secrets_again_changes_none(storage: Storage, clock: ManualClock) -> None:
    before = [tuple(row) for row in await storage.read.all(ROWS)]
    await asyncio.gather(*(ensure_secrets(storage, KEYS, clock, SeededEntropy(str(n))) for n in range(5)))
    assert [tuple(row) for row in await storage.read.all(ROWS)] == before


async def test_a_missing_secret_is_told_and_made(storage: Storage, clock: ManualClock) -> None:
    async def unit(writer) -> None:
        await writer.run(DELETE, purpose="pin")

    await storage.write(unit)
    with pytest.raises(KeyringError, match=r"no secrets for pin; run `dialkey migrate`"):
        await open_keyring(storage, KEYS)
    await ensure_secrets(storage, KEYS, clock, SeededEntropy())
    await open_keyring(storage, KEYS)


@pytest.mark.parametrize("purpose", ROTATING)
async def test_after_a_rotation_old_values_verify_and_new_ones_use_the_new_key(
    storage: Storage, clock: ManualClock, purpose: str
) -> None:
    before = await open_keyring(storage, KEYS)
    sealed = seal(before[purpose], b"test", b"payload")
    boxed = before.box().close(SeededEntropy(), "label", b"content")
    assert await rotate_secret(storage, KEYS, purpose, clock, SeededEntropy("r")) == 2
    after = await open_keyring(storage, KEYS)
    assert after[purpose].current == 2
    assert after[purpose].key() != before[purpose].key()
    assert unseal(after[purpose], b"test", sealed) == b"payload"
    assert after.open_box("label", boxed) == b"content"
    assert unseal(before[purpose], b"test", seal(after[purpose], b"test", b"new")) is None
    for other in PURPOSES:
        if other != purpose:
            assert after[other].versions == before[other].versions


async def test_parallel_rotations_make_one_version_each(storage: Storage, clock: ManualClock) -> None:
    outcomes = await asyncio.gather(
        *(rotate_secret(storage, KEYS, "page", clock, SeededEntropy(str(n))) for n in range(4)), return_exceptions=True
    )
    keyring = await open_keyring(storage, KEYS)
    assert keyring["page"].current == max(version for version in outcomes if isinstance(version, int))


async def test_a_secret_is_rotated_at_most_to_255(storage: Storage, clock: ManualClock) -> None:
    for _ in range(254):
        await rotate_secret(storage, KEYS, "page", clock, SeededEntropy())
    with pytest.raises(KeyringError, match="255"):
        await rotate_secret(storage, KEYS, "page", clock, SeededEntropy())


async def test_the_master_key_can_be_changed(storage: Storage) -> None:
    new = b"n" * 32
    before = await open_keyring(storage, KEYS)
    with pytest.raises(KeyringError):
        await change_master_key(storage, b"w" * 32, new, SeededEntropy())
    assert (await open_keyring(storage, KEYS)).keys.keys() == before.keys.keys()
    assert await change_master_key(storage, MASTER, new, SeededEntropy()) == len(PURPOSES)
    after = await open_keyring(storage, Keys(master_key=b64(new)))
    assert {p: after[p].versions for p in PURPOSES} == {p: before[p].versions for p in PURPOSES}
    with pytest.raises(KeyringError):
        await open_keyring(storage, KEYS)


async def test_digests_depend_on_purpose_text_and_installation(storage: Storage, keyring: Keyring) -> None:
    digests = {keyring.digest(purpose, text) for purpose in ("a", "ab") for text in ("c", "bc", "")}
    assert len(digests) == 6
    assert all(len(digest) == 43 for digest in digests)
    other = Keyring({**keyring.keys, "digest": keyring["page"]}, keyring.master)
    assert other.digest("a", "c") != keyring.digest("a", "c")


def test_a_box_opens_only_with_its_key_and_label_and_unchanged() -> None:
    box, entropy = Box(b"k" * 32), SeededEntropy()
    sealed = box.close(entropy, "label", b"content")
    assert box.open("label", sealed) == b"content"
    assert box.close(entropy, "label", b"content") != sealed
    assert box.open("other", sealed) is None
    assert Box(b"l" * 32).open("label", sealed) is None
    for position in (0, 12, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1
        assert box.open("label", bytes(changed)) is None
    for short in (b"", b"x", sealed[:12], sealed[:20]):
        assert box.open("label", short) is None


def test_s132_the_master_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    before = os.umask(0)
    try:
        make_master_key(path, SeededEntropy())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(unb64(path.read_text().strip()) or b"") == 32
    assert len(master_key(Keys(master_key_file=str(path)))) == 32
    with pytest.raises(FileExistsError):
        make_master_key(path, SeededEntropy("other"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o601])
def test_s132_a_master_key_file_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    make_master_key(path, SeededEntropy())
    path.chmod(mode)
    with pytest.raises(KeyringError, match="others must not read it"):
        master_key(Keys(master_key_file=str(path)))


@pytest.mark.parametrize("text", ["", "short", "A" * 42, "A" * 44, "!" * 43, b64(b"x" * 31), b64(b"x" * 33), b64(b"x" * 32) + "="])
def test_a_master_key_is_32_bytes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match="32 bytes"):
        master_key(Keys(master_key_file=str(path)))
    if text:
        with pytest.raises(KeyringError, match="32 bytes"):
            master_key(Keys(master_key=text))


def test_a_master_key_file_that_is_missing_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="dialkey keys init"):
        master_key(Keys(master_key_file=str(tmp_path / "absent")))
