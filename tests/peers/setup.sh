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
    # The versions are resolved for Python 3.11; a newer one is tried where that is missing.
    python=$(command -v python3.11 || command -v python3)
    # Another test may be making it at the same time: each makes its own, the first one to finish keeps its place.
    fresh=$venv.$$
    "$python" -m venv "$fresh"
    # uv installs Airflow's 170 packages in seconds where pip takes minutes. It brings its own certificates; those of
    # the system count where there are any (a proxy in between signs with its own).
    "$fresh/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9 >&2
    system=/etc/ssl/certs/ca-certificates.crt
    if [ -z "${SSL_CERT_FILE:-}" ] && [ -f "$system" ]; then export SSL_CERT_FILE="$system"; fi
    UV_HTTP_TIMEOUT=180 "$fresh/bin/uv" pip install --quiet --python "$fresh/bin/python" -r "$requirements" >&2
    touch "$fresh/ready"
    if ! ln -sn "$(basename "$fresh")" "$venv" 2>/dev/null; then
        rm -rf "$fresh"
    fi
fi
echo "$venv/bin/python"
