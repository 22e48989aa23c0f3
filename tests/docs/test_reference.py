"""The generated pages of the reference say what the code says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_generator", ROOT / "tools" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generator = _generator()


@pytest.mark.parametrize("name", list(generator.PAGES))
def test_the_page_is_not_stale(name: str) -> None:
    page = generator.REFERENCE / name
    assert page.read_text() == generator.PAGES[name](), f"{name} is stale: run python tools/reference.py"


def test_every_event_that_is_explained_exists() -> None:
    assert generator.EVENTS.keys() == {tag.value for tag in generator.Tag}


def test_every_setting_that_is_explained_exists() -> None:
    assert generator.SETTINGS.keys() <= {key for key, _, _ in generator.describe()}
