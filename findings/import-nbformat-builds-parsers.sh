#!/usr/bin/env bash
# `import nbformat` takes about fifty times as many Python calls once `rfc3987-syntax` is installed.
# nbformat imports jsonschema, jsonschema imports every format checker it finds, and this one compiles 39 parsers.
# The surprise: an optional extra, `jsonschema[format-nongpl]`, slows down programs that check no format at all.
# Jupyter Server needs the extra through jupyter-events. The script counts calls because seconds vary.
# Versions: nbformat 5.11.1, jsonschema 4.26.0, rfc3987-syntax 1.1.0, lark 1.3.1.
# Authors of quick commands import nbformat only inside the function that needs it. A process that checks no IRI
# can set sys.modules["rfc3987_syntax"] = None first. Others can leave the extra out where no server runs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1
"${PYTHON:-python3}" -m venv "$work/venv"
python=$work/venv/bin/python

cat >"$work/count.py" <<'PYTHON'
import sys

calls = 0


def count(frame, event, argument):
    global calls
    calls += event == "call"


if "without" in sys.argv:
    sys.modules["rfc3987_syntax"] = None
sys.setprofile(count)
import nbformat

sys.setprofile(None)
parsers = 0
if "lark" in sys.modules:
    import gc

    parsers = sum(type(each) is sys.modules["lark"].Lark for each in gc.get_objects())
print(calls, parsers)
PYTHON

"$python" -m pip install --quiet nbformat==5.11.1 jsonschema==4.26.0 fastjsonschema==2.22.3 \
    traitlets==5.16.1 jupyter_core==5.9.1
"$python" "$work/count.py" >"$work/warm-up"
read -r plain_calls plain_parsers < <("$python" "$work/count.py")

"$python" -m pip install --quiet "jsonschema[format-nongpl]==4.26.0" rfc3987-syntax==1.1.0 lark==1.3.1
"$python" "$work/count.py" >"$work/warm-up"
read -r extra_calls extra_parsers < <("$python" "$work/count.py")
read -r without_calls without_parsers < <("$python" "$work/count.py" without)

asking=$("$python" - <<'PYTHON'
import pathlib, nbformat

schemas = pathlib.Path(nbformat.__file__).parent.rglob("*.schema.json")
print(sum('"iri' in schema.read_text("utf-8") for schema in schemas))
PYTHON
)

"$python" --version
"$python" -m pip freeze | grep -E '^(nbformat|jsonschema|rfc3987-syntax|lark)=='
echo
echo "Expected: an extra of another package does not change what 'import nbformat' does."
echo "Schemas of nbformat that ask for an IRI: $asking"
echo "Seen without the extra:                  $plain_calls calls, $plain_parsers parsers"
echo "Seen with the extra:                     $extra_calls calls, $extra_parsers parsers"
echo "Seen with it, rfc3987_syntax hidden:     $without_calls calls, $without_parsers parsers"
echo "The extra multiplies the calls by:       $((extra_calls / plain_calls))"

changed() {
    echo "$1" >&2
    exit 1
}
((asking == 0)) || changed "nbformat now asks for IRIs."
((plain_parsers == 0 && extra_parsers > 10)) || changed "The import no longer builds parsers."
((extra_calls > 10 * plain_calls)) || changed "The extra no longer makes ten times as many calls."
((extra_calls > 10 * without_calls)) || changed "Hiding rfc3987_syntax no longer helps."
