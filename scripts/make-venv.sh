#!/bin/sh
# Make the virtual environment, or say in one sentence what is missing and what to do.
# Usage: scripts/make-venv.sh PYTHON VENV
set -eu

python="$1"
venv="$2"

if ! command -v "$python" >/dev/null 2>&1; then
    echo "Mainstay needs Python 3.11 to 3.13, and '$python' was not found. Install it, or name yours: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

if ! "$python" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
    echo "Mainstay needs Python 3.11 to 3.13; '$python' is $("$python" --version 2>&1). Name another: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "'$python' cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
fi

# An interrupted attempt leaves a folder without pip; making it again repairs that and keeps what is installed.
exec "$python" -m venv "$venv"
