"""One connection of the kit to a target: made from the settings, tried before anything is checked,
and the place where every check's kit comes from."""

from __future__ import annotations

from collections.abc import Mapping

from conformance import contract
from conformance.archive import Archive
from conformance.catalogue import Catalogue
from conformance.catalogue import load as load_catalogue
from conformance.credential import Credential
from conformance.errors import NoAnswer, Outcome, Refused, SetupError, UnreachableError
from conformance.kit import MALFORMED_RUN, Kit
from conformance.manners import Watch, rules
from conformance.provision.discover import DiscoverProvisioner
from conformance.provision.http import HttpProvisioner
from conformance.provision.mock import MockProvisioner
from conformance.provision.protocol import Provisioner
from conformance.provision.static import StaticProvisioner
from conformance.questions import load as load_questions
from conformance.runs import Runs
from conformance.schema import Schemas
from conformance.settings import Settings
from conformance.target import Api, Target
from conformance.traffic import Traffic
from conformance.vocabulary import ROOT, Operation, Provision, State
from conformance.waiting import Waiting
from conformance.waivers import refuse_unmatched
from conformance.wire import Wire


class Session:
    """Everything that outlives a single check."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.connection.check()
        self.contract = contract.load()
        self.catalogue: Catalogue = load_catalogue()
        self.questions = load_questions()
        self.redactor = settings.redactor()
        self.traffic = Traffic(self.redactor)
        self._schemas = Schemas(self.contract)
        chosen = self.catalogue.select(settings.include, settings.exclude)
        self.selected = frozenset(chosen)
        refuse_unmatched(settings.waivers, self.catalogue.requirements)
        self.watch = Watch(rules(self._schemas), self.selected)
        self._target = Target(
            settings.base_url,
            self.traffic,
            timeout=settings.timeout,
            read_only=settings.read_only,
            connection=settings.connection,
            watch=self.watch,
        )
        # What is said to the set-up is no traffic of a check, and a read-only run may have one.
        self._control = Target(
            settings.base_url,
            Traffic(self.redactor),
            timeout=settings.timeout,
            connection=settings.connection,
        )
        self._wire = Wire(
            settings.base_url, settings.connection, self.traffic, timeout=settings.timeout
        )
        self.api = Api(self._target, settings.credentials[0])
        self.archive = Archive()
        self.provisioner = self._choose()
        self._waiting = Waiting(self.provisioner.clock, settings.patience)
        self._runs = Runs(self.provisioner, self.api, self._waiting)

    def try_out(self) -> None:
        """One harmless request with each tenant's credential.

        Raises UnreachableError with what to do if there is nobody to talk to.
        """
        self._try(self.api, "The credential")
        if self.settings.others:
            self._try(self.api.bearing(self.settings.others[0]), "The other tenant's credential")

    def alive(self) -> bool:
        """Whether anything listens there still."""
        try:
            self.api.list_runs(limit=1)
        except Refused:
            return False
        except Outcome:
            return True
        return True

    def offers(self) -> tuple[Mapping[State, str], frozenset[State]]:
        """For each state "" or why no run is provided, and the states for which that went wrong."""
        states: dict[State, str] = {}
        failed: set[State] = set()
        for state in State:
            try:
                states[state] = self._runs.offer(state)
            except SetupError as fault:
                states[state] = fault.message
                failed.add(state)
        return states, frozenset(failed)

    def kit(self) -> Kit:
        """What one check is given."""
        others = self.settings.others
        given = {c.way: c for c in self.provisioner.more_credentials()}
        given |= {c.way: c for c in self.settings.credentials}
        return Kit(
            settings=self.settings,
            api=self.api,
            wire=self._wire,
            runs=self._runs,
            waiting=self._waiting,
            archive=self.archive,
            questions=self.questions,
            selected=self.selected,
            contract=self.contract,
            schemas=self._schemas,
            credentials=(
                *self.settings.credentials,
                *(c for way, c in given.items() if c not in self.settings.credentials),
            ),
            other_credential=others[0] if others else self.provisioner.other_tenant(),
        )

    def close(self) -> None:
        """Clean up what was made and give up all connections."""
        self.archive.close()
        self._runs.clean_up()
        self._target.close()
        self._control.close()

    def _choose(self) -> Provisioner:
        settings = self.settings
        other: Credential | None = settings.others[0] if settings.others else None
        way = settings.provision
        if way is Provision.STATIC:
            return StaticProvisioner(settings.states)
        if way is Provision.HTTP and settings.trigger is not None:
            return HttpProvisioner(self._control, settings.trigger, settings.credentials[0], other)
        if way is Provision.MOCK or (
            way is Provision.AUTO and not settings.read_only and self._is_mock()
        ):
            return MockProvisioner(self._control, settings.credentials[0], other)
        return DiscoverProvisioner(self.api, other)

    def _is_mock(self) -> bool:
        try:
            answer = self._control.send("GET", "/_mock/health")
            return answer.status == 200 and answer.object().get("status") == "ok"
        except Outcome:
            return False

    def _try(self, api: Api, whose: str) -> None:
        base = self.settings.base_url
        try:
            answer = api.list_runs(limit=1)
        except NoAnswer as fault:
            raise UnreachableError(
                f"{base} cannot be reached. {fault}", _remedy(str(fault))
            ) from None
        if answer.status in (401, 403):
            raise UnreachableError(
                f"{whose} is refused: {answer.said}.",
                "Check it, and that it goes with the option: --token is sent as Authorization: "
                "Bearer, --api-key as X-API-Key, --cookie as the cookie vai_token.",
            )
        if 300 <= answer.status < 400:
            raise UnreachableError(
                f"{answer.said} and leads to {answer.headers.get('location', 'nowhere')}.",
                "Use the address it leads to as --base-url, without the path of the API.",
            )
        if answer.status == 404 and self._knows_no_runs(api):
            raise UnreachableError(
                f"There is no such API at {base}: {answer.said}.",
                f"--base-url is what comes before {ROOT}.",
            )

    def _knows_no_runs(self, api: Api) -> bool:
        """A list that is missing is a finding, if only the rest of the API is there."""
        try:
            return api.request(Operation.GET, MALFORMED_RUN).status == 404
        except Outcome:
            return True


def _remedy(fault: str) -> str:
    text = fault.upper()
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text or "RECORD LAYER" in text:
        return "The server speaks plain HTTP: write http:// in --base-url."
    if "CERTIFICATE" in text:
        return (
            "Its certificate is not trusted: use a name that it covers, from a trusted authority."
        )
    if "REFUSED" in text:
        return "Start the service, or correct host and port in --base-url."
    if "NAME" in text or "NODENAME" in text or "GETADDRINFO" in text or "RESOL" in text:
        return "Correct the host in --base-url: no address is known for it."
    if "DISCONNECTED" in text or "RESET" in text or "ILLEGAL" in text:
        return "If it is served over TLS, write https:// in --base-url."
    return "Check --base-url, and give a slow service more time with --timeout."
