#!/usr/bin/env bash
# gradio writes a file into its own package folder when it is imported.
# "import gradio" creates gradio/hash_seed.txt, with 32 random hex digits, beside the modules. No RECORD lists the file.
# So "uv pip uninstall gradio" leaves it, and the folder gradio with it. A second import keeps the content.
# The surprise: an import changes site-packages. Whoever compares an environment before and after a test import must
# expect such files, and an uninstall does not give back the old folder.
# Versions: gradio 5.9.1, uv 0.13.9.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UV_CACHE_DIR="$work/cache"
"${PYTHON:-python3}" -m venv "$work/tool"
"$work/tool/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9
"${PYTHON:-python3}" -m venv "$work/env"
uv() { "$work/tool/bin/uv" pip "$@" --quiet --python "$work/env/bin/python"; }
uv install gradio==5.9.1 requests==2.32.3 pydantic==2.10.4 huggingface-hub==0.27.0 2>/dev/null
folder=$("$work/env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
file="$folder/gradio/hash_seed.txt"

test ! -e "$file"
echo "before the import: no hash_seed.txt"
(cd "$work" && "$work/env/bin/python" -W ignore -c "import gradio")
first=$(cat "$file")
[[ $first =~ ^[0-9a-f]{32}$ ]]
echo "after the import: hash_seed.txt has ${#first} hex digits"
(cd "$work" && "$work/env/bin/python" -W ignore -c "import gradio")
[[ $(cat "$file") == "$first" ]]
if grep -q hash_seed "$folder/gradio-5.9.1.dist-info/RECORD"; then exit 1; fi
echo "RECORD does not list it"
uv uninstall gradio 2>/dev/null
test -e "$file"
test ! -e "$folder/gradio/__init__.py"
echo "after the uninstall: the folder gradio is left, with hash_seed.txt"
