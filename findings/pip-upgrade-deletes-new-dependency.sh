#!/usr/bin/env bash
# pip reports a successful upgrade, but it has deleted the module of the new dependency.
# python-chess 1.999 moves the module `chess` into the new distribution `chess`. pip installs that one first.
# Then pip uninstalls python-chess 1.2.0 and deletes its old paths, which now hold the new files.
# The surprise: `pip check` finds nothing, and `import chess` works: it finds a folder without __init__.py.
# Versions: pip 26.3, uv 0.13.9 (it uninstalls first and keeps the module), python-chess 1.2.0 and 1.999, chess 1.9.4.
# Users compare the files with RECORD after such an upgrade. They read RECORD itself, because importlib.metadata.files
# leaves out missing files from Python 3.12 on. `pip install --force-reinstall --no-deps NAME` repairs the package.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_CACHE_DIR="$work/uv-cache"
python=${PYTHON:-python3}

for name in by-pip by-uv; do
    "$python" -m venv "$work/$name"
    "$work/$name/bin/python" -m pip install --quiet pip==26.3
done
"$work/by-uv/bin/python" -m pip install --quiet uv==0.13.9

by_pip=$work/by-pip/bin/python
by_uv=$work/by-uv/bin/python
uv=$work/by-uv/bin/uv
echo chess==1.9.4 >"$work/constraints.txt"

cat >"$work/look.py" <<'PYTHON'
import csv
import importlib.metadata

import chess

distribution = importlib.metadata.distribution("chess")
paths = [row[0] for row in csv.reader(distribution.read_text("RECORD").splitlines())]
listed = [path for path in paths if path.startswith("chess/") and path.endswith(".py")]
there = [path for path in listed if distribution.locate_file(path).exists()]
print(f"{len(there)} of {len(listed)} modules, chess.Board: {hasattr(chess, 'Board')}")
PYTHON

"$by_pip" -m pip install --quiet python-chess==1.2.0
"$by_pip" -c "import chess; chess.Board()"
"$by_pip" -m pip install --quiet --upgrade --constraint "$work/constraints.txt" python-chess==1.999
pip_sees=$("$by_pip" "$work/look.py")
pip_checks=$("$by_pip" -m pip check)
"$by_pip" -m pip install --quiet chess==1.9.4
pip_sees_again=$("$by_pip" "$work/look.py")
"$by_pip" -m pip install --quiet --force-reinstall --no-deps chess==1.9.4
repaired=$("$by_pip" "$work/look.py")

"$uv" pip install --quiet --python "$by_uv" python-chess==1.2.0
"$uv" pip install --quiet --python "$by_uv" --upgrade --constraint "$work/constraints.txt" python-chess==1.999
uv_sees=$("$by_uv" "$work/look.py")

"$python" --version
"$by_pip" -m pip --version | cut -d ' ' -f 1,2
"$uv" --version | cut -d ' ' -f 1,2
"$by_pip" -m pip freeze
echo
echo "Expected: after the upgrade, chess 1.9.4 has all its modules, or else 'pip check' complains."
echo "Seen after pip's upgrade:       $pip_sees"
echo "Seen by 'pip check':            $pip_checks"
echo "Seen after 'pip install chess': $pip_sees_again"
echo "Seen after a forced reinstall:  $repaired"
echo "Seen after uv's upgrade:        $uv_sees"

changed() {
    echo "$1" >&2
    exit 1
}
[[ $pip_sees == *"chess.Board: False" ]] || changed "pip now keeps the new files."
[[ $pip_checks == "No broken requirements found." ]] || changed "'pip check' now notices."
[[ $pip_sees_again == "$pip_sees" ]] || changed "A second install now repairs the package."
[[ $repaired == *"chess.Board: True" ]] || changed "A forced reinstall no longer repairs the package."
[[ $uv_sees == *"chess.Board: True" ]] || changed "uv now loses the files, too."
