"""What an operator sees: one log line per complaint and room, counts and times at each room's door, and health.

Nothing here may hold a citizen's words, names or numbers: log fields and metric labels come from closed lists, and the
reference is the only name a complaint has.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic_core import to_json

from normalizer.complaint import rfc3339

registry = CollectorRegistry(auto_describe=True)

RECEIVED = Counter(
    "balagh_inbound_total",
    "Messages at the door, by channel and how hearing them ended: accepted, duplicate, spooled, refused.",
    ["channel", "outcome"],
    registry=registry,
)
FORGED = Counter(
    "balagh_refused_total",
    "Requests answered without keeping anything, by channel and status.",
    ["channel", "status"],
    registry=registry,
)
ROOM = Counter(
    "balagh_room_total",
    "What came out of each room: interpret, relay, dispatch, replies, media.",
    ["room", "outcome"],
    registry=registry,
)
SECONDS = Histogram(
    "balagh_room_seconds",
    "Seconds spent at each room's door; `journey` is from the citizen's message to the department's queue.",
    ["room"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600),
    registry=registry,
)
BACKLOG = Gauge("balagh_backlog", "What waits in front of each room.", ["room"], registry=registry)
OLDEST = Gauge(
    "balagh_oldest_seconds",
    "Age in seconds of the oldest thing that waits in front of each room.",
    ["room"],
    registry=registry,
)
SPOOL = Gauge("balagh_spool_depth", "Messages on local disk because the store is out of reach.", registry=registry)
FREE = Gauge("balagh_disk_free_bytes", "Bytes free where the data folder is.", registry=registry)
DAMAGED = Gauge(
    "balagh_store_damaged", "How often the store lost commits: what is in the folder damaged/.", registry=registry
)
SPOILED = Gauge("balagh_spool_spoiled", "Spool files that could not be read back.", registry=registry)
PARKED = Gauge(
    "balagh_relay_parked", "Events that the broker refused and that are tried again later.", registry=registry
)
QUARANTINED = Gauge("balagh_quarantine_open", "What a person must look at.", registry=registry)
BROKER_UP = Gauge("balagh_broker_up", "1 while the broker is connected.", registry=registry)
BROKER_BLOCKED = Gauge(
    "balagh_broker_blocked", "1 while the broker takes nothing, being short of memory or disk.", registry=registry
)
BROKER_PROBLEMS = Gauge(
    "balagh_broker_problems", "What is wrong with the broker: balagh check says each in a line.", registry=registry
)
DEPTH = Gauge("balagh_queue_depth", "Messages that wait in each queue of the broker.", ["queue"], registry=registry)
BARRED = Gauge(
    "balagh_channel_barred", "1 while a channel's provider lets us neither in nor out.", ["channel"], registry=registry
)
SILENT = Gauge(
    "balagh_channel_silent_ratio",
    "How long a channel has heard nothing, as a multiple of the longest pause it had lately; 2 and more is unusual.",
    ["channel"],
    registry=registry,
)
TASKS = Gauge("balagh_tasks_open", "What waits for a person, by kind.", ["kind"], registry=registry)
OLDEST_TASK = Gauge(
    "balagh_task_oldest_seconds", "Age in seconds of the oldest open task of each kind.", ["kind"], registry=registry
)
STORE_UP = Gauge("balagh_store_up", "1 while the store answers.", registry=registry)
CITY = Counter(
    "balagh_city_total",
    "Changes of the city's files while running, by outcome: taken, refused.",
    ["outcome"],
    registry=registry,
)
CITY_PROBLEMS = Gauge(
    "balagh_city_problems",
    "What is wrong with the city's files as they are now, so that the former ones stay in force: balagh check says it.",
    registry=registry,
)
ALARM = Counter(
    "balagh_alarms_total",
    "Faults that a person must look at, by kind; of the kind distress: danger to life, once for each complaint.",
    ["kind"],
    registry=registry,
)

BREATH = 0.1  # seconds that a log line may wait for others before it is written out

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What could forge a log line or turn a terminal around."""


def configure(style: str = "json", *, stream: TextIO | Unhurried | None = None) -> None:
    """Send structured lines to `stream` (standard output): JSON for machines, or plain text for a person."""
    steady = _Unfailing(stream or sys.stdout)
    if style == "json":
        processors: list[Any] = [structlog.processors.format_exc_info, _line]
    else:
        processors = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tame,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=steady.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", steady)),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    # Their debug and info lines carry URLs, statements and parameters.
    for noisy in ("aiohttp.access", "aio_pika", "aiormq", "sqlalchemy", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL if noisy != "sqlalchemy" else logging.ERROR)


class Unhurried:
    """A stream that is flushed a moment later, and not after every line: a line must not cost a citizen a system call.

    A kill -9 costs the last tenth of a second of lines; what happened stands in the store.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._written = threading.Event()
        threading.Thread(target=self._follow, name="log", daemon=True).start()
        atexit.register(self._flush)

    def write(self, text: str) -> int:
        """Keep the text for the next flush."""
        with self._lock:
            written = self._stream.write(text)
        if not self._written.is_set():
            self._written.set()
        return written

    def flush(self) -> None:
        """Nothing: it comes by itself."""

    def isatty(self) -> bool:
        """Whether a person sits there."""
        return self._stream.isatty()

    def _follow(self) -> None:
        while True:
            self._written.wait()
            time.sleep(BREATH)
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            self._written.clear()
            with contextlib.suppress(OSError, ValueError):  # whoever read it has gone: the work goes on
                self._stream.flush()


class _Unfailing:
    """A stream whose full disk or broken pipe costs log lines, and never the message that was being spoken of."""

    def __init__(self, stream: TextIO | Unhurried) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


def logger(room: str) -> Any:
    """Return the logger of a room."""
    return structlog.get_logger(room=room)


def distress(room: str, reference: str) -> None:
    """Raise the alarm over danger to life: once for each complaint, when that is filed or raised and committed."""
    ALARM.labels("distress").inc()
    logger(room).warning("distress", reference=reference)


@contextmanager
def timed(room: str) -> Iterator[None]:
    """Observe how long a room took."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        SECONDS.labels(room).observe(time.perf_counter() - begun)


def age(since: datetime | None, now: datetime) -> float:
    """Return the seconds since a moment: 0 without one, and 0 when a clock was set back since."""
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def waits(room: str, number: int, since: datetime | None, now: datetime) -> None:
    """Show how many wait in front of a room, and since when the oldest does."""
    BACKLOG.labels(room).set(number)
    OLDEST.labels(room).set(age(since, now))


def bare(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return `exc_info` that shows where it broke and not what was in it: an exception's text may quote the citizen."""
    return type(error), Exception(type(error).__name__), error.__traceback__


def _line(_logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    """Write a line of JSON, in one step: there are half a dozen for every complaint."""
    document = {"timestamp": rfc3339(datetime.now(UTC)), "level": method, **event}
    return to_json(_tame(None, method, document), fallback=str, inf_nan_mode="strings").decode()


def _tame(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():  # of these few the pattern says which are harmless
            event[name] = CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    return event
