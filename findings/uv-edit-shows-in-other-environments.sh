#!/usr/bin/env bash
# An installed file that is edited in one environment is edited in the others, too, and in those made later.
# On Linux uv links the files of its cache into each environment (hard links), where both are on one file system. An
# editor that writes in place, such as `>>` or a debugging print, changes all of them; `uv pip check` sees nothing.
# The surprise: a new environment has the edit although nobody ever edited a file in it, and `--reinstall` in one
# environment mends that one and the cache, while the others keep the edit.
# Version: uv 0.13.9. Whoever compares or repairs environments reads RECORD's hashes, and replaces files, never
# writes into them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UV_CACHE_DIR="$work/cache" PIP_DISABLE_PIP_VERSION_CHECK=1
"${PYTHON:-python3}" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet uv==0.13.9
uv=$work/tools/bin/uv

install() {
    local name=$1
    shift
    "$uv" pip install --quiet --no-config --python "$work/$name" --only-binary :all: "$@" six==1.17.0
}
make() {
    "$uv" venv --quiet --no-config --python "${PYTHON:-python3}" "$work/$1"
    install "$1"
}
has_edit() {
    if grep -q "a look inside" "$work/$1"/lib/python*/site-packages/six.py; then echo yes; else echo no; fi
}

make first
make second
echo '# a look inside' >>"$(echo "$work"/first/lib/python*/site-packages/six.py)"
make later
"$uv" pip check --quiet --no-config --python "$work/later"
seen="second: $(has_edit second), later: $(has_edit later)"
install second --reinstall
make last
then="second: $(has_edit second), later: $(has_edit later), last: $(has_edit last)"

"$uv" --version
echo "after an edit in the first environment:   $seen"
echo "after --reinstall in the second:          $then"
[ "$seen" = "second: yes, later: yes" ]
[ "$then" = "second: no, later: yes, last: no" ]
