#!/usr/bin/env bash
# Writes requirements/*.txt anew from requirements/*.in: exact versions, the hashes of every file of that
# version (any platform), no download address and no index host.
#
# Needs `uv` on the PATH (or in $UV). Not part of `make setup`: only who changes a dependency runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

uv="${UV:-uv}"
if ! command -v "$uv" >/dev/null; then
    echo "make lock needs uv. Install it with 'pip install uv', or name it: make lock UV=/path/to/uv" >&2
    exit 1
fi

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header "$@"
}
compile requirements/run.in --output-file requirements/run.txt
compile requirements/test.in --output-file requirements/test.txt
compile requirements/load.in --output-file requirements/load.txt
compile requirements/oracle.in --no-deps --output-file requirements/oracle.txt
