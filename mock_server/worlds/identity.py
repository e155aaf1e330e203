"""The constant part of a new run: its ids, from its scenario and its world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.engine.randomness import stable_id
from mock_server.engine.run_state import Identity

if TYPE_CHECKING:
    from mock_server.engine.scenario import Scenario
    from mock_server.worlds.world import World


def new_identity(world: World, run_id: str, scenario: Scenario, created: int) -> Identity:
    """Return the identity of the next run of ``world``, which is created at that instant."""
    automation = scenario.automation
    trigger = scenario.trigger
    return Identity(
        id=run_id,
        number=len(world),
        tenant_id=world.tenant_id,
        automation_id=stable_id("automation", automation.name),
        automation_version_id=stable_id("automation", automation.name, str(automation.version)),
        version_number=automation.version,
        orchestrator_type=automation.orchestrator,
        trigger_type=trigger.type,
        trigger_source_type=trigger.source,
        trigger_source_id=stable_id(trigger.source, world.origin, automation.name),
        concurrency_key=scenario.concurrency_key,
        created=created,
        steps=scenario.plans,
    )
