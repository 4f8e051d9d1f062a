#!/bin/sh
# Runs uv with the arguments given, after finding it or installing it into .uv/ of this folder.
# The system's Python is never touched (PEP 668), and no second Python is downloaded.
set -eu
cd "$(dirname "$0")"

export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv
unset VIRTUAL_ENV

WANTED="uv>=0.9,<1"
UV=.uv/bin/uv

fail() {
    echo "bootstrap: $1" >&2
    exit 1
}

with_venv() {
    python3 -m venv .uv >/dev/null 2>&1 &&
        .uv/bin/python -m pip install --quiet --disable-pip-version-check "$WANTED"
}

with_pip() {
    rm -rf .uv
    python3 -m pip --version >/dev/null 2>&1 || return 1
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --break-system-packages --target .uv/lib "$WANTED" &&
        mkdir -p .uv/bin && ln -s ../lib/bin/uv "$UV"
}

if command -v uv >/dev/null 2>&1; then
    UV=uv
elif [ ! -x "$UV" ]; then
    command -v python3 >/dev/null 2>&1 || fail "Python 3.11 or newer is needed, as python3 on PATH"
    echo "bootstrap: installing uv into .uv/" >&2
    with_venv || with_pip ||
        fail "cannot install uv: install python3-venv (apt-get install python3-venv) or uv, then try again"
fi

exec "$UV" "$@"
