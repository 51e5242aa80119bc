#!/usr/bin/env bash
# A limit on upload times that is a day means the begin of that day to pip, and its end to uv.
# `pip install --uploaded-prior-to 2024-12-04` leaves out what was uploaded on that day; `uv pip install
# --exclude-newer 2024-12-04` takes it. six 1.17.0 was uploaded on that day, 1.16.0 in 2021.
# The surprise: the same date in the settings of both tools selects other releases. A time with its zone, such as
# 2024-12-04T00:00:00Z, means the same to both.
# Versions: pip 26.1, uv 0.13.9. Whoever shows both limits, or translates one into the other, adds the day.
set -euo pipefail

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
export UV_CACHE_DIR="$work/cache" PIP_DISABLE_PIP_VERSION_CHECK=1 TZ=UTC
"${PYTHON:-python3}" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet --upgrade uv==0.13.9 pip==26.1
uv=$work/tools/bin/uv
pip=("$work/tools/bin/python" -m pip)
for version in 1.16.0 1.17.0; do
    "${pip[@]}" download --quiet --no-deps --only-binary :all: --dest "$work/mirror" "six==$version"
done

# A mirror with both releases and the times of their uploads (PEP 691, PEP 700).
"$work/tools/bin/python" - "$work/mirror" "$work/port" <<'PYTHON' &
import functools, hashlib, http.server, json, pathlib, sys

folder = pathlib.Path(sys.argv[1])
TIMES = {"1.16.0": "2021-05-05T14:18:17Z", "1.17.0": "2024-12-04T17:35:26Z"}


class Mirror(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): ...

    def do_GET(self):
        if not self.path.startswith("/simple/"):
            return super().do_GET()
        files = [
            {
                "filename": file.name,
                "url": f"/{file.name}",
                "hashes": {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
                "upload-time": TIMES[file.name.split("-")[1]],
                "size": file.stat().st_size,
            }
            for file in sorted(folder.glob("*.whl"))
        ]
        page = {"meta": {"api-version": "1.1"}, "name": "six", "versions": [*TIMES], "files": files}
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Mirror, directory=sys.argv[1]))
pathlib.Path(sys.argv[2]).write_text(str(server.server_port))
server.serve_forever()
PYTHON
server=$!
until [ -s "$work/port" ]; do sleep 0.1; done
mirror="http://127.0.0.1:$(cat "$work/port")/simple/"
unset "${!PIP_@}" "${!UV_INDEX@}" UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_EXCLUDE_NEWER

version_in() {
    basename "$1"/six-*.dist-info .dist-info | cut -d- -f2
}
by_pip() {
    PIP_CONFIG_FILE=/dev/null "${pip[@]}" install --quiet --disable-pip-version-check --no-cache-dir --index-url "$mirror" \
        --target "$work/pip-$1" --uploaded-prior-to "$1" six
    version_in "$work/pip-$1"
}
by_uv() {
    "$uv" pip install --quiet --no-config --python "$work/tools" --default-index "$mirror" \
        --target "$work/uv-$1" --exclude-newer "$1" six
    version_in "$work/uv-$1"
}

"${pip[@]}" --version | cut -d' ' -f1-2
"$uv" --version
for limit in 2024-12-04 2024-12-04T00:00:00Z 2024-12-05T00:00:00Z; do
    seen="pip $(by_pip "$limit"), uv $(by_uv "$limit")"
    echo "$limit: $seen"
    case $limit in
        2024-12-04) [ "$seen" = "pip 1.16.0, uv 1.17.0" ] ;;
        2024-12-04T00:00:00Z) [ "$seen" = "pip 1.16.0, uv 1.16.0" ] ;;
        *) [ "$seen" = "pip 1.17.0, uv 1.17.0" ] ;;
    esac
done
