#!/usr/bin/env bash
# `uv pip install --prefix FOLDER` lays out FOLDER like a virtual environment, whatever Python it installs for.
# A header of greenlet goes to include/site/pythonX.Y in FOLDER. Without --prefix, uv installs it into the same
# Python under include/pythonX.Y: the two layouts are those of sysconfig's schemes "venv" and "posix_prefix".
# The surprise: a release that is unpacked with --prefix has other relative paths than the installed one, so its
# RECORD cannot be compared with, or moved over, the Python itself.
# Version: uv 0.13.9. Whoever unpacks releases beside a system Python moves the files by sysconfig's paths.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UV_CACHE_DIR="$work/cache" PIP_DISABLE_PIP_VERSION_CHECK=1
"${PYTHON:-python3}" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet uv==0.13.9
uv=$work/tools/bin/uv

# A Python that is no virtual environment and may be changed: a copied interpreter, links to its standard library.
base=$("${PYTHON:-python3}" -c 'import sys; print(sys.base_prefix + "/bin/python%d.%d" % sys.version_info[:2])')
stdlib=$("$base" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
name=$(basename "$stdlib")
mkdir -p "$work/usr/bin" "$work/usr/lib/$name/site-packages"
cp "$(realpath "$base")" "$work/usr/bin/$name"
for file in "$stdlib"/* "$(dirname "$stdlib")"/libpython*; do
    case $(basename "$file") in
        site-packages | dist-packages | EXTERNALLY-MANAGED | __pycache__) ;;
        libpython*) [ ! -e "$file" ] || ln -s "$file" "$work/usr/lib/" ;;
        *) ln -s "$file" "$work/usr/lib/$name/" ;;
    esac
done

install() {
    "$uv" pip install --quiet --no-config --python "$work/usr/bin/$name" --only-binary :all: "$@" greenlet==3.1.1
}
install
install --prefix "$work/prefix"
installed=$(cd "$work/usr" && find include -name greenlet.h)
unpacked=$(cd "$work/prefix" && find include -name greenlet.h)

"$uv" --version
echo "installed:     $installed"
echo "with --prefix: $unpacked"
[ "$installed" = "include/$name/greenlet/greenlet.h" ]
[ "$unpacked" = "include/site/$name/greenlet/greenlet.h" ]
