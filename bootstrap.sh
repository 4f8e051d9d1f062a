#!/bin/sh
# Runs uv with the arguments given, after finding it or installing it into .uv/ of this folder.
# The system's Python is never touched (PEP 668), and no second Python is downloaded.
set -eu
cd "$(dirname "$0")"

export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv
unset VIRTUAL_ENV

WANTED="uv>=0.9,<1"
UV=.uv/bin/uv

install_uv() {
    echo "bootstrap: installing uv into .uv/" >&2
    if python3 -m venv .uv >/dev/null 2>&1; then
        .uv/bin/python -m pip install --quiet --disable-pip-version-check "$WANTED"
        return
    fi
    rm -rf .uv
    python3 -m pip install --quiet --disable-pip-version-check --target .uv/lib \
        --break-system-packages "$WANTED"
    mkdir -p .uv/bin
    ln -s ../lib/bin/uv "$UV"
}

if command -v uv >/dev/null 2>&1; then
    UV=uv
elif [ ! -x "$UV" ]; then
    if ! command -v python3 >/dev/null 2>&1; then
        echo "bootstrap: Python 3.11 or newer is needed, as python3 on PATH" >&2
        exit 1
    fi
    if ! python3 -c "import ensurepip" 2>/dev/null && ! python3 -m pip --version >/dev/null 2>&1; then
        echo "bootstrap: install uv, or python3-venv (apt-get install python3-venv), and try again" >&2
        exit 1
    fi
    install_uv
fi

exec "$UV" "$@"
