#!/bin/sh
# Makes a run for the kit: runs-conformance run --command examples/hooks/runs.sh ...
#
# The state that is wanted is the last argument. What is printed is one JSON object: {"id": "..."},
# whatever else it has, or {"unsupported": "why"}. Another exit code than 0 is a fault of this hook,
# and what it says on stderr is shown. The environment has
#   RUNS_BASE_URL     the service, as the kit was told
#   RUNS_AUTH_HEADER  the header that presents the credential of the tenant whose run is wanted
#   RUNS_SECRET       that credential by itself
#   RUNS_STATE        the state once more
set -eu

for state; do :; done
case $state in
succeeds | fails | fails_once | pending | running_long | diamond) ;;
*)
    echo "{\"unsupported\": \"no automation is named $state\"}"
    exit
    ;;
esac

# The Flask backend's automations are named like the states. Where yours have names of their own,
# this is the place to translate; where there is no such request, call whatever makes a run.
exec curl --silent --show-error --fail-with-body --max-time 10 \
    --header "$RUNS_AUTH_HEADER" --header 'Content-Type: application/json' \
    --data "{\"automation\": \"$state\"}" "$RUNS_BASE_URL/internal/trigger"
