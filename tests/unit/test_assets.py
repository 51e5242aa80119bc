"""The files of a view are joined to one JavaScript module."""

from __future__ import annotations

from pathlib import Path

import pytest

from pkgwidgets.widgets.assets import bundle


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text, "utf-8")
    return folder


def test_bundle_contains_each_file_once_after_its_imports(tmp_path: Path) -> None:
    static = write(
        tmp_path,
        view='import { a } from "./parts.js";\nimport { b } from "./base.js";\nexport default a;\n',
        parts='import {\n  b,\n} from "./base.js";\n\nexport const a = b;\n',
        base="export function b() {}\nexport async function c() {}\n",
    )
    joined = bundle("view", static)
    assert "import" not in joined
    assert joined.count("function b()") == 1
    places = [joined.index(text) for text in ("function b()", "const a = b", "export default")]
    assert places == sorted(places)
    assert joined.count("export") == 1


def test_view_in_a_folder_can_import_from_its_parent_folder(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    write(tmp_path, base="export const b = 1;\n")
    write(tmp_path / "table", table='import { b } from "../base.js";\nexport default b;\n')
    assert bundle("table/table", tmp_path) == "const b = 1;\n\nexport default b;\n"


@pytest.mark.parametrize(
    "line",
    [
        'import x from "./base.js";',
        'import { b as c } from "./base.js";',
        'import { b } from "https://example.invalid/base.js";',
        'import "./base.js";',
        "export { b };",
        "export let b = 1;",
        'export * from "./base.js";',
    ],
)
def test_import_or_export_that_cannot_be_bundled_is_refused(tmp_path: Path, line: str) -> None:
    static = write(tmp_path, view=f"{line}\n", base="export const b = 1;\n")
    with pytest.raises(ValueError, match=r"view\.js cannot be joined"):
        bundle("view", static)


def test_import_cycle_is_refused(tmp_path: Path) -> None:
    static = write(
        tmp_path,
        view='import { a } from "./a.js";\n',
        a='import { b } from "./b.js";\nexport const a = 1;\n',
        b='import { a } from "./a.js";\nexport const b = 1;\n',
    )
    with pytest.raises(ValueError, match="cycle"):
        bundle("view", static)


def test_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bundle("view", write(tmp_path, view='import { a } from "./gone.js";\n'))
