"""What is remembered: runs and the log of what happened to them, in SQLite, one change at a time.

One connection, one lock: a change is a transaction, never seen in part, and it wakes those who
follow the log. An event stream is the log read from some point on, so nothing is lost between what
has happened and what happens next.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from .automations import Automation
from .run import FINISHED, Json, RefusedError, Run, as_of, new_run

SCHEMA = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    status TEXT NOT NULL,
    retry_of TEXT,
    state TEXT NOT NULL
);
CREATE INDEX runs_by_tenant ON runs (tenant, status);
CREATE INDEX runs_by_origin ON runs (retry_of);
CREATE TABLE events (
    run_id TEXT NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
"""
Event = tuple[int, str, str]
LAST_EVENTS = tuple(f"run.{status}" for status in FINISHED)


class Store:
    """Runs of all tenants. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._began, self._since = datetime.now(UTC), time.monotonic()  # noqa: TID251 - real time
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.executescript(SCHEMA)
        self._changed = threading.Condition()
        self._closed = False

    def close(self) -> None:
        """End every `follow`, because the service is about to stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def run(self, run_id: str) -> Json:
        """The run as it is now; KeyError if there is none of this id."""
        with self._changed:
            return self._load(run_id).seen()

    def steps(self, run_id: str) -> list[Json]:
        """The steps of a run, as they are now."""
        with self._changed:
            run = self._load(run_id)
            return [as_of(step, run.at) for step in run.steps]

    def page(self, tenant: str, status: str | None, limit: int, offset: int) -> Json:
        """Some of a tenant's runs, oldest first, and how many there are on all pages."""
        chosen = "FROM runs WHERE tenant = ?1 AND (?2 IS NULL OR status = ?2)"
        with self._changed:
            rows = self._db.execute(
                f"SELECT state {chosen} ORDER BY number LIMIT ?3 OFFSET ?4",
                (tenant, status, limit, offset),
            ).fetchall()
            (total,) = self._db.execute(f"SELECT COUNT(*) {chosen}", (tenant, status)).fetchone()
            at = self._now()
        return {
            "items": [as_of(json.loads(state)["record"], at) for (state,) in rows],
            "total": total,
        }

    def events(self, run_id: str, after: int) -> list[Event]:
        """The events of a run behind number `after`: number, type and body."""
        with self._changed:
            return self._db.execute(
                "SELECT number, type, body FROM events WHERE run_id = ? AND number > ?"
                " ORDER BY number",
                (run_id, after),
            ).fetchall()

    def follow(self, run_id: str, after: int, quiet: float) -> Iterator[Event | None]:
        """The events behind number `after` as they happen, up to the run's last; None whenever
        nothing has happened for `quiet` seconds."""
        last = ""
        while last not in LAST_EVENTS and not self._closed:
            events = self._wait_for_events(run_id, after, quiet)
            yield from events or (None,)
            if events:
                after, last, _ = events[-1]

    def _wait_for_events(self, run_id: str, after: int, seconds: float) -> list[Event]:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.events(run_id, after), seconds)
            return self.events(run_id, after)

    def create(self, tenant: str, automation: Automation) -> Run:
        """Remember a new run of the automation, and return it."""
        with self._changed, self._db:
            run = new_run(self._now(), automation, tenant, attempt=1, retry_of=None, kept={})
            self._save(run)
            return run

    def retry(self, run_id: str, mode: str, step_key: str | None) -> Run:
        """Remember a new run that retries another, and return it. RefusedError if the other cannot
        be retried, or is being retried already."""
        with self._changed, self._db:
            run = self._load(run_id).retry(mode, step_key)
            under_way = self._db.execute(
                "SELECT id FROM runs WHERE retry_of = ? AND status IN ('pending', 'running')",
                (run_id,),
            ).fetchone()
            if under_way:
                raise RefusedError(f"The run is being retried already, by run {under_way[0]}.")
            self._save(run)
            return run

    @contextmanager
    def change(self, run_id: str) -> Iterator[Run]:
        """Lock a run for a change; save it and its events if nothing raises."""
        with self._changed, self._db:
            run = self._load(run_id)
            yield run
            self._save(run)

    def _load(self, run_id: str) -> Run:
        row = self._db.execute("SELECT state FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise KeyError(run_id)
        return Run(at=self._now(), **json.loads(row[0]))

    def _save(self, run: Run) -> None:
        state = asdict(run)
        del state["at"], state["news"]
        self._db.execute(
            "INSERT INTO runs (id, tenant, status, retry_of, state) VALUES (?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT (id) DO UPDATE SET status = ?3, state = ?5",
            (run.id, run.record["tenantId"], run.status, run.retry_of, json.dumps(state)),
        )
        self._db.executemany(
            "INSERT INTO events SELECT ?1, COUNT(*) + 1, ?2, ?3 FROM events WHERE run_id = ?1",
            [(run.id, event["event"], json.dumps(event)) for event in run.news],
        )
        self._changed.notify_all()

    def _now(self) -> str:
        """Real time that never goes back, in UTC, to the millisecond."""
        moment = self._began + timedelta(seconds=time.monotonic() - self._since)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
