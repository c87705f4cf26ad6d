"""What the PostgreSQL server is like: whether it keeps what it confirms, and what time it thinks it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

APART = timedelta(seconds=30)  # between two clocks: what one process holds, another must not take to be free
RISKS = {  # setting -> what it means that it is off
    "fsync": "a power cut can destroy the store",
    "full_page_writes": "a power cut can destroy the store",
    "synchronous_commit": "a crash of the server loses messages whose senders were thanked",
}


def problems(connection: Connection, now: datetime) -> Iterator[str]:
    """Say what makes a server unfit to be the store, one sentence each; `now` is by this machine's clock."""
    if connection.dialect.name != "postgresql":
        return
    for name, meaning in RISKS.items():
        if connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar() == "off":
            yield f"{name} is off: {meaning}"
    apart = now - connection.execute(select(func.clock_timestamp())).scalar_one()
    if abs(apart) > APART:
        word = "ahead of" if apart > timedelta() else "behind"
        yield f"this machine's clock is {abs(apart).total_seconds():.0f} s {word} the server's: see that both keep time"
