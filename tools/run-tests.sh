#!/bin/sh
# `npm test`: the quick checks, then the tests that run real programs and boot machines. `--all` adds the slow scenarios.
set -eu
cd "$(dirname "$0")/.."
sh tools/run-checks.sh
. tools/prepare-node.sh
./meta-k3s doctor --install --for demo --for test
if [ "${1:-}" = "--all" ]; then
	META_K3S_ALL=1
	export META_K3S_ALL
fi
echo "== integration tests: real programs"
vitest run --project integration
echo "== machines"
exec vitest run --project qemu
