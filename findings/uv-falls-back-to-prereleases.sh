#!/usr/bin/env bash
# uv installs a pre-release that nobody asked for, although the project has final releases.
# pea has the final release 1.0 and the pre-release 2.0rc1. pod requires pea>1. Neither the user nor pod names a
# pre-release. uv 0.13 falls back to 2.0rc1 when no final release satisfies the requirement. uv 0.9 reports that
# there is no solution. pip falls back too. Both uv versions take 1.0 for a plain "pea".
# The surprise: the rule that a pre-release needs an opt-in, or a project without final releases, was true for uv.
# Versions: uv 0.9.13, uv 0.13.9, pip 26.3. Whoever shows a plan of uv must mark pre-releases in it, and
# `--prerelease explicit` restores the refusal.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_CACHE_DIR="$work/cache"
for version in 0.9.13 0.13.9; do
    "${PYTHON:-python3}" -m venv "$work/uv-$version"
    "$work/uv-$version/bin/python" -m pip install --quiet "uv==$version"
done
"${PYTHON:-python3}" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet pip==26.3

mkdir "$work/wheels"
cat >"$work/build.py" <<'PYTHON'
import sys
import zipfile

for name, version, requires in (("pea", "1.0", ""), ("pea", "2.0rc1", ""), ("pod", "1.0", "Requires-Dist: pea>1\n")):
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
PYTHON
"$work/env/bin/python" "$work/build.py" "$work/wheels"

pick() { # the version of pea that a tool would install, or "refused"
    local output
    output=$("$@" 2>&1) || { echo refused && return; }
    grep -oE 'pea(==|-)[0-9][0-9a-z.]*' <<<"$output" | tail -n 1 | grep -oE '[0-9][0-9a-z.]*[0-9]'
}
by_uv() { # version, requirement, options
    pick "$work/uv-$1/bin/uv" pip install --no-config --python "$work/env/bin/python" --dry-run \
        --no-index --find-links "$work/wheels" "${@:3}" "$2"
}
by_pip=$(pick "$work/env/bin/python" -m pip --isolated install --dry-run --no-index --find-links "$work/wheels" pod)
old=$(by_uv 0.9.13 pod)
new=$(by_uv 0.13.9 pod)
explicit=$(by_uv 0.13.9 pod --prerelease explicit)
plain=$(by_uv 0.13.9 pea)

echo "pea for pod, which requires pea>1:"
echo "    uv 0.9.13:                         $old"
echo "    uv 0.13.9:                         $new"
echo "    uv 0.13.9, --prerelease explicit:  $explicit"
echo "    pip 26.3:                          $by_pip"
echo "pea alone, uv 0.13.9:                  $plain"
[ "$old" = refused ] && [ "$new" = 2.0rc1 ] && [ "$explicit" = refused ]
[ "$by_pip" = 2.0rc1 ] && [ "$plain" = 1.0 ]
