"""Visits: who waits to be understood, sender by sender, however much one of them has sent."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from sqlalchemy import Connection, text

# The oldest Inbound of each sender, from index entry to index entry: what it costs are the senders, not their Inbounds.
_OLDEST = text("""
    WITH RECURSIVE visited (seq, number) AS (
        SELECT (SELECT seq FROM journal WHERE state = 'pending' AND sender >= :since ORDER BY sender, seq LIMIT 1), 1
        UNION ALL
        SELECT (
            SELECT seq FROM journal WHERE state = 'pending'
            AND sender > (SELECT sender FROM journal WHERE seq = visited.seq)
            ORDER BY sender, seq LIMIT 1
        ), number + 1
        FROM visited WHERE seq IS NOT NULL AND number < :most
    )
    SELECT number, seq, (SELECT sender FROM journal WHERE seq = visited.seq) AS sender
    FROM visited WHERE seq IS NOT NULL
""")


@dataclass(slots=True)
class Round:
    """How far the visits to all who wait have come: the next go on there, so that everybody's turn comes."""

    reached: str = ""

    def visit(self, connection: Connection, most: int) -> dict[str, int]:
        """Return the next senders who have something waiting, each with the number of the oldest."""
        found: dict[str, int] = {}
        on_a_server = connection.dialect.name == "postgresql"
        if on_a_server:  # by the statistics of a quiet hour any index would do; without sorting only the right one does
            connection.execute(text("SET LOCAL enable_sort = off"))
        for since in (self.reached, ""):
            rows = connection.execute(_OLDEST, {"since": since, "most": most - len(found)}).all()
            found |= {row.sender: row.seq for row in rows}
            self.reached = max(rows, key=itemgetter(0)).sender if rows else ""
            if len(found) >= most or not since:
                break
        if on_a_server:
            connection.execute(text("SET LOCAL enable_sort TO DEFAULT"))
        return found
