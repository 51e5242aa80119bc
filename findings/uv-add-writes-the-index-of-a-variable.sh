#!/usr/bin/env bash
# `uv add` writes the index of the variable UV_DEFAULT_INDEX, or UV_INDEX, into pyproject.toml.
# UV_INDEX_URL and UV_EXTRA_INDEX_URL, the older names of the same two settings, leave the file without an index.
# The surprise: a mirror that one machine has in its environment ends up in a file that is committed, and then all
# others use it, too. The package comes from the mirror with either name, and uv.lock names it each time.
# Version: uv 0.13.9. Whoever calls `uv add` for a user passes the index by the older names.
set -euo pipefail

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
export UV_CACHE_DIR="$work/cache" PIP_DISABLE_PIP_VERSION_CHECK=1
unset UV_DEFAULT_INDEX UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL
"${PYTHON:-python3}" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet uv==0.13.9
uv=$work/tools/bin/uv

# A mirror with one project: the listing of a folder is a page of the simple API.
mkdir -p "$work/mirror/simple/six"
"$work/tools/bin/python" -m pip download --quiet --no-deps --only-binary :all: --dest "$work/mirror/simple/six" six==1.17.0
"$work/tools/bin/python" - "$work/mirror" "$work/port" <<'PYTHON' &
import functools, http.server, pathlib, sys

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): ...

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1]))
pathlib.Path(sys.argv[2]).write_text(str(server.server_port))
server.serve_forever()
PYTHON
server=$!
until [ -s "$work/port" ]; do sleep 0.1; done
mirror="http://127.0.0.1:$(cat "$work/port")/simple/"

"$uv" --version
for variable in UV_DEFAULT_INDEX UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL; do
    mkdir "$work/$variable"
    printf '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\n' >"$work/$variable/pyproject.toml"
    env "$variable=$mirror" "$uv" add --quiet --no-config --no-sync --python "${PYTHON:-python3}" \
        --project "$work/$variable" six==1.17.0
    grep -q "registry = \"$mirror\"" "$work/$variable/uv.lock"
    written=$(grep -c "url = \"$mirror\"" "$work/$variable/pyproject.toml" || true)
    echo "$variable: indexes in pyproject.toml: $written"
    case $variable in
        UV_DEFAULT_INDEX | UV_INDEX) [ "$written" = 1 ] ;;
        *) [ "$written" = 0 ] ;;
    esac
done
