"""Structured logs on standard error: one line per event, never a secret.

What may be logged is said by whoever logs it: ids, codes, counts. As a second fence, values that look like our tokens
or like phone numbers are cut out of every event, whatever their key.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import msgspec
import structlog

from dialkey.settings import Log

_OURS = re.compile(r"dk_[a-z]{2}_[A-Za-z0-9_-]{8,}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}\b")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def redact(text: str) -> str:
    """`text` without tokens, phone numbers and control characters."""
    return _CONTROL.sub(" ", _NUMBER.sub("[number]", _OURS.sub("[secret]", text)))


def _fence(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


def _render(_: Any, __: str, event: dict[str, Any]) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def set_up(settings: Log) -> None:
    """Configures structlog, and standard logging (uvicorn, psycopg) to go the same way."""
    level = getattr(logging, settings.level.upper())
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _fence,
    ]
    if settings.format == "json":
        structlog.configure(
            processors=[*shared, _render],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[*shared, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(logging.WARNING)


class _Forward(logging.Handler):
    """Records of libraries, as events."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger()
        message = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        logger.log(record.levelno, "library", source=record.name, message=message, error=repr(error) if error else None)
