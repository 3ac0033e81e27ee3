#!/bin/sh
# `npm test`: the quick checks, then the tests that run real programs and boot machines. `--all` adds the slow scenarios, and ends with a table of
# all machines' runs, whose reports stay in META_K3S_TEST_RUNS.
set -eu
cd "$(dirname "$0")/.."
sh tools/run-checks.sh
. tools/prepare-node.sh
./meta-k3s doctor --install --for demo --for test
if [ "${1:-}" = "--all" ]; then
	./meta-k3s doctor --install --for foreign
	META_K3S_ALL=1
	META_K3S_TEST_RUNS=${META_K3S_TEST_RUNS:-${XDG_STATE_HOME:-$HOME/.local/state}/meta-k3s/test-runs}
	export META_K3S_ALL META_K3S_TEST_RUNS
fi
echo "== integration tests: real programs"
vitest run --project integration
echo "== machines"
[ "${1:-}" = "--all" ] || exec vitest run --project qemu
status=0
vitest run --project qemu || status=$?
META_K3S_RUNS=$META_K3S_TEST_RUNS ./meta-k3s runs --last
exit "$status"
