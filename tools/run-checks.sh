#!/bin/sh
# `npm run check`: everything that says in under a minute whether a commit is fit.
set -eu
cd "$(dirname "$0")/.."
. tools/prepare-node.sh
echo "== format"; oxfmt --check .
echo "== lint"; oxlint --type-aware --deny-warnings
echo "== types"; tsc --noEmit
echo "== unit tests"; vitest run --project unit
echo "== generated files"; ./meta-k3s generate --check
