#!/usr/bin/env bash
# A dry run of uv writes into the environment: `uv pip install --dry-run` creates the file `.lock` in its root, and
# leaves it there. It does so for a release that is installed, too. `uv pip list` and `uv pip check` create nothing.
# The surprise: what only looks at an environment changes its files. A hash of the whole folder differs afterwards,
# and a folder that is deleted while a dry run starts may not be empty at the end (`rmdir` fails).
# pip's dry run creates nothing.
# Versions: uv 0.13.9, pip 26.1. Whoever compares or deletes environments leaves `.lock` out, or tries again.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UV_CACHE_DIR="$work/cache" PIP_DISABLE_PIP_VERSION_CHECK=1
"${PYTHON:-python3}" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet --upgrade uv==0.13.9 pip==26.1
uv=$work/tools/bin/uv
"$uv" venv --quiet "$work/env"
python=$work/env/bin/python
"$uv" pip install --quiet --python "$python" six==1.16.0
files() { (cd "$work/env" && find . -type f | sort); }

check() { # check EXPECTED COMMAND...: the files that the command adds
    local expected=$1 before added
    shift
    rm -f "$work/env/.lock"
    before=$(files)
    "$@" >"$work/log" 2>&1
    added=$(comm -13 <(echo "$before") <(files))
    echo "$(basename "$1") ${*:2:3}: adds ${added:-nothing}"
    [ "$added" = "$expected" ] || { echo "expected: ${expected:-nothing}"; exit 1; }
}

check "./.lock" "$uv" pip install --dry-run --python "$python" six==1.17.0
check "./.lock" "$uv" pip install --dry-run --python "$python" six==1.16.0
check "" "$uv" pip list --python "$python"
check "" "$uv" pip check --python "$python"
check "" "$work/tools/bin/python" -m pip --python "$python" install --dry-run six==1.17.0
echo "a dry run of uv creates .lock in the environment, and leaves it"
