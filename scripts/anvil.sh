#!/usr/bin/env bash
# Installs the local chain that the tests of the transaction anchor talk to, from npm into tests/anvil.
# The lock pins the build for Linux on x86-64; elsewhere the same version is taken without it.
set -euo pipefail
cd "$(dirname "$0")/../tests/anvil"

[ node_modules/.installed -nt package-lock.json ] && exit 0

VERSION=1.7.1
echo "Installing from tests/anvil/package-lock.json" >&2
options=(--ignore-scripts --no-audit --no-fund --loglevel=error)
if [ "$(uname -s)-$(uname -m)" = "Linux-x86_64" ]; then
    npm ci "${options[@]}" >&2
else
    npm install --no-save "${options[@]}" "@foundry-rs/anvil@$VERSION" >&2
fi
touch node_modules/.installed
