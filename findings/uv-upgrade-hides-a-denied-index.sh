#!/usr/bin/env bash
# `uv pip install --upgrade NAME` succeeds if the index refuses the user name and password.
# uv treats 401 and 403 of an index as "has no such project". NAME is installed, so uv is content: it exits
# with 0, changes nothing, and prints no warning. The same request fails for a package that is not installed.
# The surprise: an expired token looks like "everything is up to date". A script that checks the exit code
# of an upgrade never notices. pip exits with 0 as well, but prints a warning that names the status.
# Versions: uv 0.13.9, pip 26.3. Programs that look for updates must ask the index themselves, and compare statuses.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 NO_PROXY=127.0.0.1
"${PYTHON:-python3}" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet uv==0.13.9 pip==26.3
uv=$work/tools/bin/uv

cat >"$work/index.py" <<'PYTHON'
"""Write the wheels pea 1.0 and 2.0, and serve pea 2.0 to users with a password."""

import sys
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder = Path(sys.argv[1])
for version in ("1.0", "2.0"):
    info = f"pea-{version}.dist-info"
    with zipfile.ZipFile(folder / f"pea-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pea.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: pea\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"pea.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
name = "pea-2.0-py3-none-any.whl"


class Index(BaseHTTPRequestHandler):
    def do_GET(self):
        allowed = self.headers.get("Authorization") == "Basic a2ltOnJpZ2h0"  # kim:right
        is_file = self.path.endswith(".whl")
        body = (folder / name).read_bytes() if is_file else f'<a href="/{name}">{name}</a>'.encode()
        self.send_response(200 if allowed else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Type", "application/zip" if is_file else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
(folder / "port").write_text(str(server.server_port))
server.serve_forever()
PYTHON
"$work/tools/bin/python" "$work/index.py" "$work" &
server=$!
until [ -s "$work/port" ]; do sleep 0.1; done
port=$(<"$work/port")

"${PYTHON:-python3}" -m venv "$work/env"
run_uv() { "$uv" pip "$1" --no-config --python "$work/env/bin/python" "${@:2}" 2>&1; }
run_uv install --quiet --offline --no-cache "$work/pea-1.0-py3-none-any.whl"

code_of() { "$@" >"$work/output" 2>&1 && echo 0 || echo $?; }
upgrade=(run_uv install --no-cache --upgrade)
denied_code=$(code_of "${upgrade[@]}" --default-index "http://kim:wrong@127.0.0.1:$port/" pea)
cp "$work/output" "$work/denied"
denied_version=$(run_uv list --format freeze | grep '^pea')
missing_code=$(code_of "${upgrade[@]}" --default-index "http://kim:wrong@127.0.0.1:$port/" pod)
pip_code=$(code_of "$work/tools/bin/python" -m pip --isolated --python "$work/env/bin/python" install --no-input \
    --upgrade --index-url "http://kim:wrong@127.0.0.1:$port/" pea)
cp "$work/output" "$work/pip"
right_code=$(code_of "${upgrade[@]}" --default-index "http://kim:right@127.0.0.1:$port/" pea)
right_version=$(run_uv list --format freeze | grep '^pea')

"$uv" --version
echo "wrong password, pea 1.0 installed:  exit code $denied_code, then $denied_version; uv's output:"
sed 's/^/    /' "$work/denied"
echo "wrong password, pod not installed:  exit code $missing_code"
echo "wrong password, pip:                exit code $pip_code; its warning:"
grep 'WARNING: 401' "$work/pip" | tail -n 1 | sed 's/^/    /'
echo "right password, pea 1.0 installed:  exit code $right_code, then $right_version"
[ "$denied_code" = 0 ] && [ "$denied_version" != "$right_version" ] && [ "$missing_code" != 0 ]
[ "$pip_code" = 0 ] && [ "$right_code" = 0 ] && ! grep -q '401' "$work/denied"
