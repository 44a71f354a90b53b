#!/bin/sh
# The public conformance suite of MCP against our server: `scripts/mcp-conformance.sh [PYTHON]`.
#
# Installs the suite that tests/mcp_server/conformance/package-lock.json pins, each package by its sum, into a cache
# outside of the repository, with a Node.js of its own that is new enough for it. Nothing of a package is run when it is
# installed. Without npm it says that it was skipped; where CI is set, that is a failure.
set -eu
cd "$(dirname "$0")/.."

PYTHON="${1:-.venv/bin/python}"
PINS=tests/mcp_server/conformance
SUM="$(cat "$PINS/package.json" "$PINS/package-lock.json" | sha256sum | cut -c1-16)"
SUITE="${XDG_CACHE_HOME:-$HOME/.cache}/mainstay/mcp-conformance-$SUM"

if ! command -v npm >/dev/null 2>&1 || ! command -v node >/dev/null 2>&1; then
    echo "SKIPPED: the MCP conformance suite was not run, since npm or node is missing here." >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
fi

if [ ! -e "$SUITE/.whole" ]; then
    rm -rf "$SUITE"
    mkdir -p "$SUITE"
    cp "$PINS/package.json" "$PINS/package-lock.json" "$SUITE/"
    (cd "$SUITE" && npm ci --ignore-scripts --no-audit --no-fund --silent)
    touch "$SUITE/.whole"
fi

PYTHONPATH=src exec "$PYTHON" -m tests.mcp_server.conformance.run "$SUITE"
