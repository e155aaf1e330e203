"""Reads a run and its stream with the client that openapi-python-client generated; prints JSON."""

import json
import re
import sys
from uuid import UUID

from client import AuthenticatedClient
from client.api.automation_runs import get_run, stream_run_events

base_url, key, run_id = sys.argv[1:]
with AuthenticatedClient(base_url, key, prefix="", auth_header_name="X-API-Key") as session:
    run = get_run.sync(UUID(run_id), client=session)
    text = stream_run_events.sync(UUID(run_id), client=session)
events = re.findall(r"^event: (.*)$", text, re.M)
print(json.dumps({"status": run.status.value, "events": events}))
