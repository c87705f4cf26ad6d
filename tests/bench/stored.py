"""A store that has served for years: a few real complaints, multiplied with ids of their own.

Every row stands in every index under a random key, as a real one does; only the words repeat.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

_MAP = """
CREATE TEMP TABLE copies AS
SELECT journal.id AS old, lower(hex(randomblob(16))) AS new, number.value AS n,
       printf('%010d', 1000000000 + number.value * :sample + journal.seq) AS reference,
       lower(hex(randomblob(16))) AS sender, 'SM' || lower(hex(randomblob(16))) AS sid
FROM journal, generate_series AS number
"""
_COPIES = {
    "journal": {"id": "m.new", "reference": "m.reference", "sender": "m.sender", "external_id": "m.sid", "seq": None},
    "journal_payload": {"id": "m.new"},
    "complaints": {"id": "m.new", "reference": "m.reference", "sender": "m.sender"},
    "personal": {"complaint_id": "m.new"},
    "events": {
        "seq": None,
        "complaint_id": "m.new",
        "reference": "m.reference",
        "id": "substr(t.id, 1, 14) || lower(hex(randomblob(11)))",
    },
    "replies": {
        "id": "'r' || m.new || t.purpose",
        "journal_id": "m.new",
        "complaint_id": "m.new",
        "sender": "m.sender",
        "state": "'sent'",
        "next_at": "NULL",
    },
    "reply_payload": {"id": "'r' || m.new || t.purpose"},
}
_FROM = {"reply_payload": "(SELECT p.*, r.purpose, r.journal_id FROM reply_payload AS p JOIN replies AS r USING (id))"}
_KEYS = {
    "journal": "t.id",
    "journal_payload": "t.id",
    "complaints": "t.id",
    "personal": "t.complaint_id",
    "events": "t.complaint_id",
    "replies": "t.journal_id",
    "reply_payload": "t.journal_id",
}


def fill(path: Path, complaints: int) -> int:
    """Multiply what a SQLite store holds until it holds at least so many complaints; returns how many it holds.

    The gateway must not run meanwhile. The copies are not really sealed: this is a store to measure with.
    """
    with sqlite3.connect(path, isolation_level=None) as store:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=OFF",
            "cache_size=-2000000",
            "foreign_keys=OFF",
            "temp_store=2",
        ):
            store.execute(f"PRAGMA {pragma}")
        sample = store.execute("SELECT count(*) FROM complaints").fetchone()[0]
        times = max(0, -(-complaints // sample) - 1)
        store.execute("BEGIN")
        store.execute("CREATE TEMP TABLE generate_series (value INTEGER)")
        store.executemany("INSERT INTO generate_series VALUES (?)", ((n,) for n in range(1, times + 1)))
        store.execute(_MAP, {"sample": sample + 1000})
        store.execute("CREATE INDEX temp.copies_old ON copies (old)")
        for table, changed in _COPIES.items():
            columns = [
                row[1] for row in store.execute(f"PRAGMA table_info({table})") if changed.get(row[1], "") is not None
            ]
            values = ", ".join(changed.get(name) or f"t.{name}" for name in columns)
            store.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) SELECT {values} "
                f"FROM {_FROM.get(table, table)} AS t JOIN copies AS m ON m.old = {_KEYS[table]} ORDER BY m.n"
            )
        store.execute(
            "INSERT INTO relay (event_seq, complaint_id, urgent, created_at, published_at, attempts) "
            "SELECT seq, complaint_id, 0, time, time, 0 FROM events WHERE seq NOT IN (SELECT event_seq FROM relay)"
        )
        store.execute(  # as if they had been sealed, or the sealer would be busy with them while we measure
            "INSERT INTO seals (seq, first_event, last_event, size, digest, sealed_at) "
            "SELECT (SELECT max(seq) FROM seals) + 1, 1, max(seq), count(*), 'copies', max(time) FROM events"
        )
        store.execute("COMMIT")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.sync()  # or the first fsync that we measure would wait for all of this
        return int(store.execute("SELECT count(*) FROM complaints").fetchone()[0])
