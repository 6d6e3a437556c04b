#!/bin/sh
# Makes a virtual environment with the peers' packages under target/peers and prints the path of its Python.
# Its name holds the hash of the requirements: a changed version makes a new one, an unchanged one is made once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
requirements=${1:-"$here/requirements.txt"}
hash=$(cksum < "$requirements" | cut -d' ' -f1)
root=${CARGO_TARGET_DIR:-"$here/../../target"}/peers
venv=$root/$(basename "$requirements" .txt)-$hash
if [ ! -e "$venv/ready" ]; then
    mkdir -p "$root"
    # Another test may be making it at the same time: each makes its own, the first one to finish keeps its place.
    fresh=$venv.$$
    python3 -m venv "$fresh"
    "$fresh/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    touch "$fresh/ready"
    if ! ln -sn "$(basename "$fresh")" "$venv" 2>/dev/null; then
        rm -rf "$fresh"
    fi
fi
echo "$venv/bin/python"
