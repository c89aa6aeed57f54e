#!/usr/bin/env bash
# Makes .venv (or the directory given) with the first Python >= 3.11 it finds; leaves a working one alone.
# PYTHON names an interpreter of your own choice.
# `venv.sh --works .venv` only says by its exit code whether that one works and stands where it was made.
set -euo pipefail

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Scripts in a virtual environment name its absolute path: after a move they call an interpreter elsewhere.
# No grep: a machine with Python, make and bash's own commands is enough.
works() {
    [ -r "$1/bin/pip" ] && [[ "$(<"$1/bin/pip")" == *"$(pwd -P)/$1/bin/python"* ]] && new_enough "$1/bin/python"
}

if [ "${1:-}" = "--works" ]; then
    works "$2"
    exit
fi
venv="${1:-.venv}"
if works "$venv"; then
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
