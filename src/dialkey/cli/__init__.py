"""The `dialkey` command."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dialkey import __version__
from dialkey.settings import Settings, SettingsError, load


def main(arguments: list[str] | None = None) -> None:
    """Runs one command; exits 0 where it did what it says, 1 where it could not, 2 where it was asked wrongly."""
    parser = make_parser()
    chosen = parser.parse_args(arguments)
    try:
        status = chosen.run(chosen)
    except SettingsError as error:
        sys.exit(f"settings: {error}")
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        if type(error).__name__ not in ("StorageUnavailable", "KeyringError", "NotReady"):
            raise
        sys.exit(f"dialkey: {error}")
    sys.exit(status)


def make_parser() -> argparse.ArgumentParser:
    """All commands; the reference is generated from here."""
    from dialkey.cli import demo, doctor, keys, reviews, serve

    parser = argparse.ArgumentParser(
        prog="dialkey", description="The open identity provider for logging in with a phone number."
    )
    parser.add_argument("--version", action="version", version=f"dialkey {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo.add_parser(commands)
    serve.add_parsers(commands)
    keys.add_parser(commands)
    doctor.add_parsers(commands)
    reviews.add_parsers(commands)
    return parser


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings in TOML; without it the file that DIALKEY_CONFIG names, else ./dialkey.toml if there is one",
    )


def read_settings(chosen: argparse.Namespace) -> Settings:
    path = config_path(chosen)
    return load(path)


def config_path(chosen: argparse.Namespace) -> Path | None:
    if chosen.config is not None:
        return chosen.config
    named = os.environ.get("DIALKEY_CONFIG")
    if named:
        return Path(named)
    here = Path("dialkey.toml")
    return here if here.exists() else None
