#!/bin/sh
# Pin what each peer needs by version and hash: requirements-*.in to requirements-*.txt.
# Usage: benchmarks/peers/pin.sh [--upgrade]          (from the repository's root, after `make setup`)
#
# The rules are those of scripts/pin.sh: Python 3.11, and no address of an index is written.
set -eu

python="${PYTHON:-.venv/bin/python}"
"$python" -m pip install --quiet --require-hashes -r requirements/pin.txt

for name in dbos langgraph huey; do
    echo "pinning benchmarks/peers/requirements-$name.txt"
    CUSTOM_COMPILE_COMMAND="benchmarks/peers/pin.sh" "$python" -m piptools compile \
        --quiet --no-config --generate-hashes --allow-unsafe --strip-extras --resolver=backtracking \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
        --output-file "benchmarks/peers/requirements-$name.txt" "$@" "benchmarks/peers/requirements-$name.in"
done
