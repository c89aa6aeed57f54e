#!/usr/bin/env bash
# Installs the JavaScript implementations that tests and measurements compare with, from npm into tests/node.
set -euo pipefail
cd "$(dirname "$0")/../tests/node"

[ node_modules/.installed -nt package-lock.json ] && exit 0

echo "Installing from tests/node/package-lock.json" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
touch node_modules/.installed
