#!/usr/bin/env bash
# Makes .venv (or the directory given) with the first Python >= 3.11 it finds; leaves a working one alone.
# PYTHON names an interpreter of your own choice.
set -euo pipefail
venv="${1:-.venv}"

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

if new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

found=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
    if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
        found="$candidate"
        break
    fi
done
if [ -z "$found" ]; then
    echo "Cairn needs Python 3.11 or newer, and found none (tried: ${PYTHON:-python3, python3.11 … python3.14})." >&2
    echo "Install one:  Debian/Ubuntu  apt-get install python3 python3-venv" >&2
    echo "              Fedora         dnf install python3.12" >&2
    echo "              macOS          brew install python@3.12" >&2
    echo "or name one:  make setup PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$("$found" --version) has no venv module with pip. On Debian/Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi

echo "Making $venv with $("$found" --version)" >&2
rm -rf -- "$venv"   # half-made, or its interpreter is gone
"$found" -m venv "$venv"
