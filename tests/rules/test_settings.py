"""Settings: what is not known or cannot be is refused, with the key's name in the sentence."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dialkey.settings import Settings, SettingsError, describe, load


def from_toml(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    path = folder / "dialkey.toml"
    path.write_text(text)
    return load(path, environ or {})


def test_the_defaults_are_a_first_run_on_this_machine() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert (settings.issuer, settings.public, settings.secure, settings.sandbox) == ("http://localhost:8080", False, False, True)


@pytest.mark.parametrize(
    "text, says",
    [
        ("isuer = 'x'", "isuer"),
        ("[tokens]\ncode_life = 1", "code_life"),
        ("[tokens]\ncode_lifetime = 61", "tokens.code_lifetime"),
        ("[tokens]\ncode_lifetime = 0", "tokens.code_lifetime"),
        ("[tokens]\naccess_token_lifetime = -1", "tokens.access_token_lifetime"),
        ("[tokens]\naccess_token_lifetime = 'long'", "tokens.access_token_lifetime"),
        ("[signin]\npin_digits = 5", "signin.pin_digits"),
        ("[signin]\npin_lifetime = 601", "signin.pin_lifetime"),
        ("[signin]\npin_tries = 11", "signin.pin_tries"),
        ("[limits]\nsends_per_number_10_minutes = 0", "limits.sends_per_number_10_minutes"),
        ("[server]\nport = 70000", "server.port"),
        ("[server]\ntrusted_proxies = ['everybody']", "server.trusted_proxies"),
        ("[server]\ntrusted_proxies = ['10.0.0.0/99']", "server.trusted_proxies"),
        ("[sms]\nroute = 'pigeon'", "sms.route"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[nonsense]\na = 1", "nonsense"),
        ("tokens = 3", "tokens"),
        ("[keys]\nmaster_key = 'AAAA'", "keys.master_key"),
        ("environment = 'staging'", "environment"),
        ("[database]\nurl = 'mysql://x'", "database.url"),
        ("[database]\nurl = 'sqlite://x'", "database.url"),
        ("[database]\npool_size = 1", "database.pool_size"),
        ("issuer = 'ftp://localhost'", "issuer"),
        ("issuer = 'localhost'", "issuer"),
        ("issuer = 'http://id.nordcell.example'", "issuer"),
        ("issuer = 'https://id.nordcell.example/tenant'", "issuer"),
        ("issuer = 'https://id.nordcell.example?x=1'", "issuer"),
        ("issuer = 'https://id.nordcell.example#x'", "issuer"),
        ("issuer = 'https://me@id.nordcell.example'", "issuer"),
        ("issuer = 'https://'", "issuer"),
        ("issuer = 'https://id.nordcell.example'", "sms.route"),
        ("environment = 'production'", "sms.route"),
        ("issuer = ", "dialkey.toml"),
        ("a = 1\na = 2", "dialkey.toml"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_toml(tmp_path, text)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path / "absent.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml"):
        load(tmp_path / "binary.toml", {})


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    settings = from_toml(
        tmp_path,
        "issuer = 'http://localhost:1'\n[tokens]\ncode_lifetime = 30\nid_token_lifetime = 20\n",
        {
            "DIALKEY_ISSUER": "http://localhost:2",
            "DIALKEY_TOKENS__CODE_LIFETIME": "40",
            "DIALKEY_KEYS__MASTER_KEY": "secret",
            "DIALKEY_SERVER__TRUSTED_PROXIES": "10.0.0.0/8,::1",
            "DIALKEY_SERVER__EXTRA_HOSTS": "a.example,b.example",
            "DIALKEY_CONFIG": "/nowhere",
            "UNRELATED": "x",
        },
    )
    assert settings.issuer == "http://localhost:2"
    assert (settings.tokens.code_lifetime, settings.tokens.id_token_lifetime) == (40, 20)
    assert settings.keys.master_key == "secret"
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.server.extra_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    "name, value",
    [
        ("DIALKEY_ISUER", "x"),
        ("DIALKEY_TOKENS__NOTHING", "1"),
        ("DIALKEY_TOKENS__CODE_LIFETIME", "soon"),
        ("DIALKEY_TOKENS__CODE_LIFETIME", "600"),
        ("DIALKEY_ISSUER__HOST", "x"),
        ("DIALKEY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,"),
    ],
)
def test_an_environment_that_is_not_understood_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        from_toml(tmp_path, "issuer = 'http://localhost:1'", {name: value})


@pytest.mark.parametrize(
    "issuer, public, secure, host",
    [
        ("http://localhost:8080", False, False, "localhost:8080"),
        ("http://127.0.0.1:9", False, False, "127.0.0.1:9"),
        ("http://[::1]:9/", False, False, "[::1]:9"),
        ("https://id.localhost", False, True, "id.localhost"),
        ("https://id.nordcell.example/", True, True, "id.nordcell.example"),
        ("https://10.0.0.1", True, True, "10.0.0.1"),
    ],
)
def test_what_follows_from_the_issuer(issuer: str, public: bool, secure: bool, host: str) -> None:
    settings = load(None, {"DIALKEY_ISSUER": issuer, "DIALKEY_SMS__ROUTE": "log"})
    assert (settings.public, settings.secure, settings.host) == (public, secure, host)
    assert settings.issuer == issuer
    assert settings.base_url == issuer.rstrip("/")


def test_settings_do_not_change() -> None:
    settings = load(None, {})
    with pytest.raises(AttributeError):
        settings.issuer = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        settings.tokens.code_lifetime = 1  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    rows = describe()
    assert {key for key, _, _ in rows} >= {"issuer", "server.port", "tokens.code_lifetime", "sms.route", "metrics.token"}
    assert len(rows) == len({key for key, _, _ in rows})
    for key, default, _ in rows:
        value: object = Settings()
        for step in key.split("."):
            value = getattr(value, step)
        assert str(value) == default
    assert msgspec.structs.fields(Settings)
