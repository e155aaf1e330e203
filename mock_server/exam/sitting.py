"""A sitting: one client in one situation, from the preparation of its world to the verdict."""

from typing import Any

from mock_server.engine.clock import monotonic
from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, unknown_name
from mock_server.exam.catalogue import Item, catalogue
from mock_server.exam.evidence import RENEWED, Evidence
from mock_server.exam.judgements.requests import conforms
from mock_server.exam.report_line import REPORT, Report
from mock_server.exam.situation import Reactions
from mock_server.exam.verdict import Outcome
from mock_server.http.explain import Explainer
from mock_server.journal.exchange import Exchange
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

MAX_EXCHANGES = 1_000
MAX_REPORTS = 5_000
MAX_RENEWALS = 100

_HARMLESS = frozenset({("header", "Upgrade")})
"""Parts of a request that the response does not depend on, and that libraries add."""


class Sitting:
    """One client in one situation. It observes the journal of its world.

    ``flooded`` says that the client has sent, reported or asked for more than a sitting keeps.
    """

    def __init__(self, item: Item, world: World, run: Run | None) -> None:
        self.item = item
        self.world = world
        self.run = run
        self.token = world.name
        self.flooded = False
        self.last_activity = monotonic()
        self._run_ids = frozenset(one.id for one in world.runs())
        self._exchanges: list[Exchange] = []
        self._reports: list[Report] = []
        self._renewals: list[float] = []
        self._reactions = Reactions(item.situation, world)
        world.journal.observers += (self,)

    def added(self, exchange: Exchange) -> None:
        """Note an exchange whose response starts, and let happen what follows it."""
        self.last_activity = monotonic()
        if len(self._exchanges) >= MAX_EXCHANGES:
            self.flooded = True
            return
        self._exchanges.append(exchange)
        if exchange.status is not None:
            self._reactions.react(exchange)

    def cleared(self) -> None:
        """Keep the exchanges: the sitting has its own list."""

    def report(self, content: Any) -> None:
        """Add what the client reports, a value that the control API has validated."""
        self.last_activity = monotonic()
        if len(self._reports) >= MAX_REPORTS:
            self.flooded = True
        else:
            self._reports.append(REPORT.validate_python(content))

    def renew(self) -> str:
        """Return a new credential for the client; end the rejection of all if the item says so."""
        self.last_activity = monotonic()
        if len(self._renewals) > MAX_RENEWALS:
            self.flooded = True
        else:
            self._renewals.append(monotonic())
        if self.item.renewable:
            self.world.faults.clear()
        self.token = f"{self.world.name}:{RENEWED}"
        return self.token

    @property
    def idle(self) -> float:
        """The real seconds since the client did something; 0 while a response is sent."""
        if any(one.ended is None for one in self._exchanges):
            return 0.0
        ends = [one.ended for one in self._exchanges if one.ended is not None]
        return monotonic() - max([self.last_activity, *ends])

    def progress(self) -> Json:
        """Return what the client has done so far, as in the control API."""
        return {
            "item": self.item.id,
            "requests": len(self._exchanges),
            "reports": len(self._reports),
            "idleSeconds": round(self.idle, 3),
            "flooded": self.flooded,
        }

    def finish(self, explainer: Explainer, *, reporting: bool) -> Json:
        """End the sitting; return the verdict as in the control API.

        ``reporting`` says that the client makes reports, even if it has made none here.
        """
        journal = self.world.journal
        journal.observers = tuple(one for one in journal.observers if one is not self)
        evidence = Evidence(
            exchanges=self._exchanges,
            reports=self._reports,
            renewals=self._renewals,
            run=self.run,
            run_ids=self._run_ids,
            problems=[
                (exchange.number, problem)
                for exchange in self._exchanges
                for problem in _problems(explainer.entry(exchange))
            ],
            reporting=reporting or bool(self._reports),
        )
        verdict = self.item.judge(evidence)
        contract = conforms(evidence)
        return {
            "item": self.item.id,
            "level": self.item.level,
            **verdict.to_json(),
            "contract": contract.reason if contract.outcome is Outcome.FAILED else None,
            "sent": [_summary(one) for one in sorted(self._exchanges, key=_started)[:50]],
        }


class Sittings:
    """The sittings in progress, by the name of the world."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._by_world: dict[str, Sitting] = {}

    async def start(self, name: str, world: str) -> Sitting:
        """Prepare the situation of the item ``name`` in a world, in place of what is there.

        Raise HttpError: 404 for an unknown item, 409 when the mock holds no further world or
        stores its worlds: what a situation does by itself is not a command that could be repeated.
        """
        if self._worlds.keeper is not None:
            raise HttpError(
                409, "A mock that stores its worlds holds no exams: start one without --store"
            )
        item = catalogue().get(name)
        if item is None:
            raise HttpError(404, unknown_name("item", name, catalogue()))
        prepared, run = await item.situation.prepare(self._worlds, world)
        sitting = self._by_world[world] = Sitting(item, prepared, run)
        for other in [other for other in self._by_world if other not in self._worlds]:
            del self._by_world[other]
        return sitting

    def of(self, world: str) -> Sitting:
        """Return the sitting in a world. Raise HttpError (409) where there is none."""
        sitting = self._by_world.get(world)
        if sitting is None or sitting.world is not self._worlds.get(world):
            raise HttpError(
                409, f"The world {world!r} has no sitting: start one with POST /_mock/exam/sittings"
            )
        return sitting

    def finish(self, world: str, explainer: Explainer, *, reporting: bool) -> Json:
        """End the sitting in a world; return the verdict. Raise HttpError (409)."""
        sitting = self.of(world)
        del self._by_world[world]
        return sitting.finish(explainer, reporting=reporting)


def _problems(entry: Json) -> list[str]:
    """Return what the contract does not allow in a request, an entry of the journal."""
    where = f"{entry['method']} {entry['path']}"
    if entry["operation"] is None:
        return [f"{where}: the contract has no such operation"]
    problems = [
        f"{where}: {'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in entry["flaws"]
    ]
    problems += [
        f"{where}: {'.'.join(loc)}: the contract has no such part"
        for loc in entry["ignored"]
        if tuple(loc) not in _HARMLESS
    ]
    return problems


def _started(exchange: Exchange) -> float:
    return exchange.started


def _summary(exchange: Exchange) -> Json:
    """Return a request for a report: without credentials, and without its query."""
    return {
        "number": exchange.number,
        "at": round(exchange.started, 3),
        "operation": exchange.operation,
        "status": exchange.status,
        "faults": list(exchange.faults),
    }
