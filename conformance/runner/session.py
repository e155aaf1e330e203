"""One connection of the kit to a target: made from the settings, tried before anything is checked,
and the place where every check's kit comes from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Container, Sequence
from copy import copy
from dataclasses import replace
from functools import partial

from conformance.assertions.monitor import InvariantMonitor
from conformance.assertions.response_rules import RuleMonitor, rules
from conformance.catalogue.open_questions import load as load_questions
from conformance.catalogue.requirements import Catalogue
from conformance.catalogue.versions import load_version
from conformance.client.api import Api
from conformance.client.credentials import AuthScheme, Credential
from conformance.client.outages import Outages
from conformance.client.pacing import Pacer
from conformance.client.rate_limit import RateLimiter
from conformance.client.raw_socket import RawClient
from conformance.client.recorder import Traffic
from conformance.client.renewal import Issued, Renewal, Renewals
from conformance.client.transport import Target
from conformance.config.settings import Settings, variable_of
from conformance.config.token_command import IssuedToken
from conformance.contract import contract
from conformance.contract.schema import Schemas
from conformance.errors import ConfigurationError, ConnectionRefused, Outcome, SetupError
from conformance.harness.cache import ObservationCache
from conformance.harness.context import CheckContext
from conformance.harness.polling import Poller
from conformance.harness.runs import RetriedRuns, Runs
from conformance.harness.settling import Settling
from conformance.harness.wait_history import WaitHistory
from conformance.provision.clock import CommandClock, RequestClock
from conformance.provision.discover import DiscoverProvisioner
from conformance.provision.mock import (
    MockControl,
    is_fresh_world,
    is_mock_health,
    other_tenant_of,
    tenant_of,
    worker_credential,
)
from conformance.provision.on_demand import OnDemandProvisioner
from conformance.provision.protocol import DERIVED, Clock, Provisioner, RealClock
from conformance.provision.request import RequestRuns, RequestTemplate
from conformance.provision.static import StaticProvisioner
from conformance.provision.subprocess import CommandRunner, CommandRuns
from conformance.results.events import SetupFinished
from conformance.runner.preflight import await_api, try_out
from conformance.vocabulary import ProvisionMethod, State

# The exchanges of a lane have numbers after a multiple of this.
_NUMBERS = 100_000
# How many of the runs that a lane makes ahead may be at work at a time.
_MAX_UNFINISHED = 3


class Session:
    """Everything that outlives a single check.

    `worker` is the name of one of several sessions side by side, empty for the only or leading one;
    `waiting` is called with the seconds that the target has not responded yet, and why; `limited`
    with the seconds of each wait for a rate limit.
    """

    def __init__(
        self,
        settings: Settings,
        worker: str = "",
        poller: Callable[[float, str], None] = lambda seconds, why: None,
        limited: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.settings = settings
        self.contract = contract.load()
        self.catalogue: Catalogue = load_version(settings.catalogue)
        self.questions = load_questions()
        self.redactor = settings.redactor()
        self._schemas = Schemas(self.contract)
        self.selected = frozenset(self.catalogue.select(settings.include, settings.exclude))
        self.renewal_faults: dict[str, str] = {}
        self.pacer = Pacer(settings.requests_per_minute / settings.workers)
        self.rate_limiter = RateLimiter(limited, self.pacer)
        self.outages = Outages()
        self._renewals = Renewals([self._renewal(each) for each in settings.issued])
        self._credentials = settings.credentials
        self._is_lane = False
        self._connect()
        # Requests of the set-up are not traffic of a check, and are allowed in a read-only run.
        self._control = Target(
            settings.base_url,
            Traffic(self.redactor),
            timeout=settings.timeout,
            connection=settings.connection,
            rate_limiter=self.rate_limiter,
            outages=self.outages,
        )
        self._control.renewals = self._renewals
        try:
            if settings.wait_for_api and not worker:
                control = Api(self._control, settings.credentials[0])
                await_api(control, settings.wait_for_api, poller)
            self._command_runner = CommandRunner(
                settings.base_url, settings.timeout, self.redactor.text, self._renewals.current
            )
            self.provisioner = self._choose(worker)
        except BaseException:
            self._target.close()
            self._control.close()
            raise
        self.settling = Settling(settings.settle)
        self._equip()

    def lane(self, number: int) -> Session:
        """Return a session for checks in a thread of their own, from 1: with the same target,
        provisioner and limits, and its own connections, traffic, runs and observations."""
        lane = copy(self)
        lane._is_lane = True
        lane._connect(number * _NUMBERS, self._waits.lane())
        lane._equip(_MAX_UNFINISHED)
        return lane

    @property
    def real_time(self) -> bool:
        """Whether the time of the target can only be waited for."""
        return self._poller.real_time

    def _connect(self, numbered: int = 0, waits: WaitHistory | None = None) -> None:
        """Open connections of the session's own; exchanges have numbers from there on."""
        settings = self.settings
        self.traffic = Traffic(
            self.redactor,
            settings.connection.curl_options,
            numbered,
            complete=settings.complete_traffic,
        )
        self.monitor = RuleMonitor(rules(self._schemas), self.selected)
        self._retried_runs, self._waits = RetriedRuns(), waits or WaitHistory()
        self._target = Target(
            settings.base_url,
            self.traffic,
            timeout=settings.timeout,
            read_only=settings.read_only,
            connection=settings.connection,
            observers=(
                self.monitor.observe,
                InvariantMonitor(self.monitor).observe,
                self._retried_runs.observe,
                self._waits.observe,
            ),
            rate_limiter=self.rate_limiter,
            outages=self.outages,
        )
        self._target.renewals = self._renewals
        self._raw_client = RawClient(
            settings.base_url,
            settings.connection,
            self.traffic,
            timeout=settings.timeout,
            pacer=self.pacer,
            renewals=self._renewals,
        )
        self.api = Api(self._target, self._credentials[0])
        self.cache = ObservationCache(lambda: self.traffic.count)

    def _equip(self, max_unfinished: int | None = None) -> None:
        clock = self._clock() or self.provisioner.clock
        self._poller = Poller(clock, self.settings.patience, self._waits)
        self._waits.real_time = self._poller.real_time
        self._runs = Runs(
            self.provisioner, self.api, self._poller, self._retried_runs, self.settling
        )
        if max_unfinished is not None:
            self._runs.max_unfinished = max_unfinished

    def try_out(self) -> None:
        """One harmless request with each credential. One that is rejected, though its secret is
        accepted in another way, is the default no more: only the check of its scheme uses it.

        Raise UnreachableError with a hint if the API does not respond.
        """
        given = self.settings
        rejected = try_out(self.api, (*self._credentials, *given.others))
        if not {*self._credentials[:1], *given.others[:1]} & rejected:
            return
        own, others = (
            tuple(sorted(each, key=lambda credential: credential in rejected))
            for each in (given.credentials, given.others)
        )
        self.settings = replace(given, credentials=own, others=others)
        self._credentials = own
        self.api = Api(self._target, own[0])
        self.provisioner = self._choose("")
        self._equip()

    def alive(self) -> bool:
        """Whether anything listens there still."""
        try:
            self.api.list_runs(limit=1)
        except ConnectionRefused:
            return False
        except Outcome:
            return True
        return True

    def credential_expired(self) -> bool:
        """Whether the list rejects the default credential, which was accepted at the start."""
        try:
            return self.api.list_runs(limit=1).status == 401
        except Outcome:
            return False

    def check_provisioning(self) -> SetupFinished:
        """Return how runs are provided, and which.

        Raise SetupError if the method that should make runs makes none at all: it has a wrong path,
        or another automation's, which does not mean that the service has no runs.
        """
        states: dict[State, str] = {}
        failed: set[State] = set()
        selection = self.settings.selection
        for state in State if selection is None else sorted(selection.states):
            try:
                why = self._runs.try_provide(state)
            except SetupError as fault:
                why = fault.message
                failed.add(state)
            states[state] = self.redactor.text(why)
        asked = {s: w for s, w in states.items() if s not in (*DERIVED, State.OTHER_TENANT)}
        if self.provisioner.unlimited and asked and all(asked.values()) and not failed:
            raise SetupError(
                f"No run is provided in any state: {next(iter(asked.values()))}",
                "Check the request or command with: runs-conformance setup",
            )
        return SetupFinished(
            self.provisioner.name, states, frozenset(failed), self.settings.config, self._tenant()
        )

    def context(self) -> CheckContext:
        """Return the context of one check."""
        given = {c.scheme: c for c in self.provisioner.more_credentials}
        given |= {c.scheme: c for c in self._credentials}
        return CheckContext(
            api=self.api,
            raw_client=self._raw_client,
            runs=self._runs,
            poller=self._poller,
            cache=self.cache,
            questions=self.questions,
            selected=self.selected,
            read_only=self.settings.read_only,
            budget=self.settings.budget,
            fuzz=self.settings.fuzz,
            settling=self.settling,
            contract=self.contract,
            schemas=self._schemas,
            credentials=(
                *self._credentials,
                *(c for scheme, c in given.items() if c not in self._credentials),
            ),
            other_credential=self.provisioner.other_tenant,
        )

    def keep_gaps(self, requirement: str, check: str) -> None:
        """Leave the time before each request of this check that a replay is to keep."""
        if self.settings.selection is not None:
            self.pacer.keep_gaps(self.settings.selection.gaps.get((requirement, check), ()))

    def state_of(self, run_id: str) -> State | None:
        """Return the state that a run was provided in; None if it was not provided."""
        return self._runs.states.get(run_id)

    def came_late(self, names: Container[str], seconds: float) -> frozenset[str]:
        """Return those of the named transitions, of this session and its lanes, that came after
        their waits had ended, given at most so many seconds more."""
        late: set[str] = set()
        until = time.monotonic() + seconds
        for missed in self._poller.waits.missed.values():
            if not missed.short or missed.name not in names:
                continue
            given_up_at = self._waits.given_up_at(missed, self.settings.patience)
            left = min(until, given_up_at) - time.monotonic()
            read = partial(self.api.run, missed.run_id)
            with contextlib.suppress(Outcome):
                if Poller(RealClock(), max(0.0, left)).until(read, missed.matches)[1] is None:
                    late.add(missed.name)
        return frozenset(late)

    def plan(self, states: Sequence[State]) -> None:
        """Say which finished runs will be used up, in this order."""
        self._runs.plan(states)

    def create_ahead(self) -> None:
        """Make some of them, where it takes time until they have finished."""
        self._runs.create_ahead()

    def close(self) -> None:
        """Clean up the runs that were made and close all connections."""
        try:
            self.cache.close()
            self._runs.clean_up()
        finally:
            # Even if the time is up.
            self._target.close()
            if not self._is_lane:
                self._control.close()

    def _tenant(self) -> str:
        """Return which tenant a shard tests, without a secret; "" in a run of all checks."""
        if self.settings.shard is None:
            return ""
        own = self._credentials[0]
        if own == self.settings.credentials[0]:
            return "that of the credential given to the shard"
        return f"{tenant_of(own)}, of this shard alone"

    def _choose(self, worker: str) -> Provisioner:
        settings, provisioning = self.settings, self.settings.provisioning
        mine = settings.credentials[0]
        other: Credential | None = settings.others[0] if settings.others else None
        if provisioning.method is ProvisionMethod.STATIC:
            if settings.workers > 1:
                raise ConfigurationError(
                    "--workers and --state contradict each other: a run cannot be shared.",
                    "Leave --workers out, or use another --provision method.",
                )
            return StaticProvisioner(provisioning.states, other)
        if provisioning.method is ProvisionMethod.HTTP and provisioning.trigger is not None:
            requested = RequestRuns(self._control, provisioning.trigger)
            return OnDemandProvisioner("http", requested.make, mine, other, RealClock())
        if provisioning.method is ProvisionMethod.COMMAND:
            command = CommandRuns(self._command_runner, provisioning.command)
            return OnDemandProvisioner("command", command.make, mine, other, RealClock())
        if provisioning.method is ProvisionMethod.MOCK or (
            provisioning.method is ProvisionMethod.AUTO
            and not settings.read_only
            and self._is_mock()
        ):
            self._take_world(worker)
            mine = self._credentials[0]
            mock = MockControl(self._control, mine)
            # A tenant's name is a credential in each of the three ways.
            schemes = [mine.with_scheme(scheme) for scheme in AuthScheme]
            return OnDemandProvisioner(
                "mock", mock.make, mine, other or other_tenant_of(mine), mock, schemes
            )
        return DiscoverProvisioner(self.api, other)

    def _renewal(self, token: IssuedToken) -> Renewal:
        def issue() -> Issued | None:
            try:
                return token.command.issue()
            except SetupError as fault:
                self.renewal_faults[token.command.where] = fault.message
                return None

        return Renewal(token.first, issue, lambda new: self.redactor.add(new, token.variable))

    def _clock(self) -> Clock | None:
        """The clock that was configured, for whichever way runs are got."""
        printed_json, mine = self.settings.provisioning.clock, self.settings.credentials[0]
        match printed_json:
            case None:
                return None
            case RequestTemplate():
                return RequestClock(self._control, printed_json, mine)
            case _:
                return CommandClock(self._command_runner, printed_json, mine)

    def _take_world(self, worker: str) -> None:
        """One world has one clock, so several workers need as many worlds, and so do shards, where
        their credential opens one."""
        own_world, shard = self.settings.workers > 1, self.settings.shard
        if shard is not None and is_fresh_world(self._credentials[0]):
            worker = "-".join(filter(None, [f"shard{shard.index}", worker]))
            own_world = True
        if not own_world:
            return
        self._credentials = tuple(worker_credential(c, worker) for c in self._credentials)
        for credential in reversed(self._credentials):
            # In commands it is the user's, whatever tenant that is.
            self.redactor.add(credential.secret, variable_of(credential))
        self.api = self.api.with_credential(self._credentials[0])

    def _is_mock(self) -> bool:
        try:
            response = self._control.send("GET", "/_mock/health")
            return response.status == 200 and is_mock_health(response.object())
        except Outcome:
            return False
