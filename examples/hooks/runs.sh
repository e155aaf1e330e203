#!/bin/sh
# Create a run for the kit: runs-conformance run --command examples/hooks/runs.sh ...
#
# The last argument is the requested state. Print one JSON object: {"id": "..."}, with any other keys,
# or {"unsupported": "reason"}. An exit code other than 0 is a set-up error, and the kit shows stderr.
# Environment:
#   RUNS_BASE_URL     the base URL of the service
#   RUNS_AUTH_HEADER  the header with the credential of the tenant that needs the run
#   RUNS_SECRET       the credential alone
#   RUNS_STATE        the requested state
set -eu

for state; do :; done
case $state in
succeeds | fails | fails_once | pending | running_long | diamond) ;;
*)
    echo "{\"unsupported\": \"no automation is named $state\"}"
    exit
    ;;
esac

# The automations of the Flask backend are named like the states. If yours have other names, translate
# them here; if your service has no such request, call the program that creates a run.
exec curl --silent --show-error --fail-with-body --max-time 10 \
    --header "$RUNS_AUTH_HEADER" --header 'Content-Type: application/json' \
    --data "{\"automation\": \"$state\"}" "$RUNS_BASE_URL/internal/trigger"
