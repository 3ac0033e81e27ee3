#!/bin/sh
# `npm test`: the quick checks, then the tests that run real programs and boot machines. `--all` adds the slow ones, and ends with tables of all machines'
# runs, whose reports stay in META_K3S_TEST_RUNS, and of all tests' results, which stay in META_K3S_TEST_RESULTS. `--all --continue` boots no machine
# again for a test that passed with the same source before.
set -eu
cd "$(dirname "$0")/.."
all=
for argument; do
	case $argument in
	--all) all=1 ;;
	--continue) META_K3S_CONTINUE=1; export META_K3S_CONTINUE ;;
	*) echo "error: unknown argument $argument; there are --all and --continue" >&2; exit 2 ;;
	esac
done
sh tools/run-checks.sh
. tools/prepare-node.sh
./meta-k3s doctor --install --for demo --for test
if [ "$all" ]; then
	./meta-k3s doctor --install --for foreign
	META_K3S_ALL=1
	META_K3S_TEST_RUNS=${META_K3S_TEST_RUNS:-${XDG_STATE_HOME:-$HOME/.local/state}/meta-k3s/test-runs}
	META_K3S_TEST_RESULTS=${META_K3S_TEST_RESULTS:-$META_K3S_TEST_RUNS/tests.jsonl}
	export META_K3S_ALL META_K3S_TEST_RUNS META_K3S_TEST_RESULTS
fi
echo "== integration tests: real programs"
vitest run --project integration
echo "== machines"
[ "$all" ] || exec vitest run --project qemu
status=0
vitest run --project qemu || status=$?
META_K3S_RUNS=$META_K3S_TEST_RUNS ./meta-k3s runs --last
node qemu-tests/results/list-results.ts
exit "$status"
