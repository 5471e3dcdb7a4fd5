"""Log lines: one a line on standard error, keys and values, nothing personal (rule 10).

An exception is told by its type and the places it passed: a message or a local variable may quote somebody's data.
"""

import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

Event = MutableMapping[str, Any]
DEEPEST = 6


def configure_logs() -> None:
    """Called once by the command line; a test or another app may choose otherwise."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            tell_places,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def tell_places(logger: object, method: str, event: Event) -> Event:
    """Put the exception's type and places in the place of the exception."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["places"] = places_of(error.__traceback__)
    return event


def places_of(trace: TracebackType | None) -> str:
    """The last functions that an exception passed, innermost last."""
    frames = traceback.extract_tb(trace)[-DEEPEST:]
    return " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
