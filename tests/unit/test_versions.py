"""Versions, names and requirements: what is valid, what is newer, what is an update."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import bad_inputs
import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pkgwidgets.core.compatibility import compatible_wheels, parse_requires_python
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.names import checked_name, checked_requirement
from pkgwidgets.core.packages import VersionStep
from pkgwidgets.core.releases import Release, Wheel
from pkgwidgets.core.updates import eligible_releases, is_eligible
from pkgwidgets.core.versions import checked_version, compare_versions, version_step

ASCENDING = [
    "0", "1.dev0", "1.0.dev456", "1.0a1.dev3", "1.0a1", "1.0a2", "1.0a12.dev456", "1.0a12",
    "1.0b1.dev456", "1.0b2", "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1",
    "1.0", "1.0+abc", "1.0+abc.5", "1.0+abc.7", "1.0+5", "1.0.post456.dev34", "1.0.post456",
    "1.0.1", "1.1.dev1", "1.1", "1.9", "1.10", "2", "2026.11", "1!0.1", "1!1.0", "2!0",
]  # fmt: skip
"""PEP 440's own example of an order, with what people get wrong added."""

SAME = [
    ("1", "1.0.0.0"),
    ("1.0", "v1.0"),
    ("1.0", "0!1.0"),
    ("1.0", " 1.0\n"),
    ("1.0-1", "1.0.post1"),
    ("1.0-r4", "1.0.post4"),
    ("1.0.RC1", "1.0c1"),
    ("1.0-alpha", "1.0a0"),
    ("1.0.dev", "1.0dev0"),
    ("1.0+ubuntu-1", "1.0+ubuntu.1"),
    ("01.02", "1.2"),
]

NO_NAMES = [*bad_inputs.NO_NAMES, "a.", ".a", "a b", "a,b", "a==1", "a[b]", "n\u00fampy", "\ud800"]
NAMES = {**bad_inputs.NAMES, "a--_..b": "a-b", "x" * 100: "x" * 100}
NO_VERSIONS = [
    *bad_inputs.NO_VERSIONS, "1.0\x00", "1,0", "1.0 1.1", "--pre", "1.0\u200b", "v", "!1",
]  # fmt: skip
VERSIONS = {**bad_inputs.VERSIONS, "1.0+Local-2": "1.0+local.2"}

NO_REQUIREMENTS = [
    "", "pip @ file:///etc/passwd", "x @ https://u:p@host.invalid/x.whl", "numpy @ git+ssh://h/r",
    "numpy==1.0 --hash=sha256:aa", "numpy; python_version<'", "numpy; python_version<'4'", "numpy[",
    f"numpy[{','.join(f'e{i}' for i in range(2000))}]", "-r req.txt", "numpy\n--pre", "numpy>=1\n",
    "numpy>=\n1", "numpy>=1 # a comment", "numpy\\\n", "a-", "_a", "a" * 101, "numpy=>1", "numpy 1",
    "numpy==1.0/../x", "numpy>=latest", "numpy>=1 --pre", "./numpy", "numpy,pandas", "n\u00fampy>1",
    f"a; {'(' * 500}python_version<'4'{')' * 500}", "x" * 2000,
]  # fmt: skip

# `===` compares text (PEP 440): what follows it may be anything but a space.
NO_VERSION_AFTER_ARBITRARY_EQUALITY = [
    "numpy===--pre",
    "numpy===-r/etc/passwd",
    "numpy===https://u:p@host.invalid",
    "numpy===\x1b[2J",
    "numpy===latest",
]

NO_TEXT: list[object] = [None, True, 1, 1.0, b"x", [], ["numpy"], {}, object, ...]

PYTHON = Interpreter(
    python=Path("/env/bin/python"),
    version="3.12.1",
    prefix=Path("/env"),
    base_prefix=Path("/usr"),
    scheme={},
    search=(),
    markers={},
    tags=("cp312-cp312-linux_x86_64", "cp312-abi3-linux_x86_64", "py3-none-any"),
)

PURE = "pea-1-py3-none-any.whl"
NATIVE = "pea-1-cp312-cp312-linux_x86_64.whl"
STABLE = "pea-1-cp311.cp312-abi3-linux_x86_64.whl"
ELSEWHERE = "pea-1-cp312-cp312-win_amd64.whl"


def release(
    version: str = "1",
    *filenames: str,
    yanked: bool = False,
    requires_python: str | None = None,
) -> Release:
    python = None if requires_python is None else SpecifierSet(requires_python)
    return Release(
        version=Version(version),
        wheels=tuple(Wheel(filename=name, requires_python=python) for name in filenames),
        yanked=yanked,
    )


def offered(*versions: str, installed: str | None = None) -> list[str]:
    """Return the eligible ones of these releases, all with a compatible wheel."""
    releases = eligible_releases(
        [release(version, PURE) for version in versions],
        PYTHON,
        installed=None if installed is None else Version(installed),
    )
    return [str(eligible.version) for eligible in releases]


# --- versions


@pytest.mark.parametrize(("older", "newer"), list(pairwise(ASCENDING)))
def test_versions_are_ordered_as_in_pep_440(older: str, newer: str) -> None:
    assert (compare_versions(older, newer), compare_versions(newer, older)) == (-1, 1)


def test_version_order_is_total() -> None:
    assert {compare_versions(a, b) for a, b in combinations(ASCENDING, 2)} == {-1}


@pytest.mark.parametrize(("a", "b"), [*SAME, *((text, text) for text in ASCENDING)])
def test_two_spellings_of_one_version_are_equal(a: str, b: str) -> None:
    assert (compare_versions(a, b), compare_versions(b, a)) == (0, 0)


@pytest.mark.parametrize("text", NO_VERSIONS, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("other_first", [False, True])
def test_comparing_an_invalid_version_quotes_it_in_the_error(text: str, other_first: bool) -> None:
    given = ("1.0", text) if other_first else (text, "1.0")
    with pytest.raises(InvalidRequest) as caught:
        compare_versions(*given)
    assert (caught.value.field, caught.value.value) == ("version", text)
    assert caught.value.sentence().startswith(ascii(text)[:80])


@pytest.mark.parametrize("value", NO_TEXT, ids=repr)
def test_value_that_is_not_a_string_is_refused(value: object) -> None:
    for check in (checked_name, checked_version, checked_requirement):
        with pytest.raises(InvalidRequest):
            check(value)


@pytest.mark.parametrize(("text", "canonical"), VERSIONS.items())
def test_version_is_normalized(text: str, canonical: str) -> None:
    assert str(checked_version(text)) == canonical


def test_version_object_is_returned_unchanged() -> None:
    version = Version("1.0")
    assert checked_version(version) is version


def test_latest_is_refused_as_a_version_with_a_hint() -> None:
    with pytest.raises(InvalidRequest, match="leave out the version to get the latest"):
        checked_version("latest")


# --- names


@pytest.mark.parametrize("text", NO_NAMES, ids=ascii)
def test_invalid_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked_name(text)
    assert caught.value.field == "name"


@pytest.mark.parametrize(("text", "normalized"), NAMES.items())
def test_name_is_normalized(text: str, normalized: str) -> None:
    assert checked_name(text) == normalized
    assert checked_name(normalized) == normalized


# --- requirements


@pytest.mark.parametrize("text", NO_REQUIREMENTS, ids=lambda text: ascii(text)[:30])
def test_requirement_with_more_than_name_and_versions_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_requirement(text)


@pytest.mark.parametrize("text", NO_VERSION_AFTER_ARBITRARY_EQUALITY, ids=ascii)
def test_arbitrary_equality_with_an_invalid_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_requirement(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("polars", "polars"),
        ("polars>=1", "polars>=1"),
        (" polars (>= 1, <2) ", "polars<2,>=1"),
        ("polars[b, a]~=1.0", "polars[a,b]~=1.0"),
        ("polars===1.0", "polars===1.0"),
        ("numpy>=2,<1", "numpy<1,>=2"),
    ],
)
def test_requirement_is_normalized(text: str, canonical: str) -> None:
    assert str(checked_requirement(text)) == canonical


# --- steps


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [
        ("1.2.3", "2.0.0", VersionStep.MAJOR),
        ("1.2.3", "1.3.0", VersionStep.MINOR),
        ("1.2.3", "1.2.4", VersionStep.PATCH),
        ("1.2.3", "1.2.3.1", VersionStep.OTHER),
        ("1.2.3", "1.2.3.post1", VersionStep.OTHER),
        ("1.2.3rc1", "1.2.3", VersionStep.OTHER),
        ("1.2.3", "1.2.3+cpu", VersionStep.OTHER),
        ("1.2", "1.2.0", VersionStep.OTHER),
        ("1", "1.0.1", VersionStep.PATCH),
        ("1.9", "1!1.9", VersionStep.MAJOR),
        ("2.0", "1.9", VersionStep.MAJOR),
        ("1.2.3", "1.3.0rc1", VersionStep.MINOR),
        ("2025.9", "2026.1", VersionStep.MAJOR),
    ],
)
def test_version_step_is_that_of_the_first_difference(
    before: str, after: str, size: VersionStep
) -> None:
    assert version_step(Version(before), Version(after)) is size


# --- files


@pytest.mark.parametrize(
    ("given", "fitting"),
    [
        ((PURE, STABLE, NATIVE), (NATIVE, STABLE, PURE)),
        ((PURE, ELSEWHERE), (PURE,)),
        ((ELSEWHERE,), ()),
        ((), ()),
        (("pea-1-py2.py3-none-any.whl",), ("pea-1-py2.py3-none-any.whl",)),
        (("pea-1.whl", "pea-1-any.whl", "pea-x.y-py3-none-any.whl", "../x"), ()),
        (("pea-1-2-py3-none-any.whl", "pea-1-10-py3-none-any.whl"),
         ("pea-1-10-py3-none-any.whl", "pea-1-2-py3-none-any.whl")),
    ],
)  # fmt: skip
def test_compatible_wheels_are_sorted_best_first(
    given: tuple[str, ...], fitting: tuple[str, ...]
) -> None:
    wheels = compatible_wheels(release("1", *given), PYTHON)
    assert tuple(wheel.filename for wheel in wheels) == fitting


@pytest.mark.parametrize("first_built", [False, True])
def test_wheel_without_build_number_comes_last(first_built: bool) -> None:
    built = "pea-1-1-py3-none-any.whl"  # PEP 427: no build number sorts as the empty tuple
    given = (built, PURE) if first_built else (PURE, built)
    wheels = compatible_wheels(release("1", *given), PYTHON)
    assert [wheel.filename for wheel in wheels] == [built, PURE]


def test_better_tag_outranks_the_build_number() -> None:
    wheels = compatible_wheels(release("1", "pea-1-9-py3-none-any.whl", NATIVE), PYTHON)
    assert wheels[0].filename == NATIVE


@pytest.mark.parametrize(
    ("offer", "eligible"),
    [
        (release("1", PURE), True),
        (release("1", PURE, yanked=True), False),
        (release("1", PURE, requires_python=">=3.9"), True),
        (release("1", PURE, requires_python=">=3.13"), False),
        (release("1", PURE, requires_python=">=9"), False),
        (release("1", PURE, requires_python="==3.12.*"), True),
        (release("1", PURE, requires_python=">=3.8,<4.0.0a0"), True),
        (release("1", ELSEWHERE), False),
        (release("1"), False),
    ],
)
def test_release_is_eligible_if_it_can_be_installed(offer: Release, eligible: bool) -> None:
    assert is_eligible(offer, PYTHON) is eligible


def test_overlong_requires_python_matches_no_python() -> None:
    wheel = Wheel(filename=PURE, requires_python=parse_requires_python(f"=={'1' * 5000}"))
    assert is_eligible(replace(release("1"), wheels=(wheel,)), PYTHON) is False


def test_requires_python_is_checked_per_wheel() -> None:
    later = Wheel(filename="pea-1-1-py3-none-any.whl", requires_python=SpecifierSet(">=4"))
    offer = replace(release("1"), wheels=(later, Wheel(filename=PURE)))
    assert is_eligible(offer, PYTHON)
    assert [wheel.filename for wheel in compatible_wheels(offer, PYTHON)] == [PURE]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (">=3.6.*", ">=3.6"),
        (">= 3.6.*, <4", ">=3.6,<4"),
        ("~=3.8.*", "<0.dev0"),
        (">=3.8,,<4", "<0.dev0"),
        (">= '3.9', !=3.1*", ">=3.9,!=3.1.*"),
        ("3.8", "<0.dev0"),
        (">=3.7!=3.8.*,", ">=3.7,!=3.8.*"),
        ("!=3.0.*,>=2.7", "!=3.0.*,>=2.7"),
        ("==3.*", "==3.*"),
        ("sometimes", "<0.dev0"),
        (">=", "<0.dev0"),
    ],
)
def test_malformed_requires_python_is_read_as_installers_do(text: str, meant: str) -> None:
    assert parse_requires_python(text) == SpecifierSet(meant)


# --- the latest release


def test_releases_are_sorted_latest_first() -> None:
    assert offered("1.9", "1!0.1", "1.10", "1.2") == ["1!0.1", "1.10", "1.9", "1.2"]


@pytest.mark.parametrize("newer", ["2a1", "2b1", "2rc1", "2.dev1", "1.1.post1.dev1"])
def test_prerelease_is_not_offered(newer: str) -> None:
    assert offered("1", newer) == ["1"]
    assert offered("1", newer, installed="1") == ["1"]


@pytest.mark.parametrize("installed", ["2a1", "1.dev3", "1rc2"])
def test_installed_prerelease_allows_prereleases(installed: str) -> None:
    assert offered("1", "2rc1", installed=installed) == ["2rc1", "1"]


@pytest.mark.parametrize("version", ["1.post1", "1+cpu"])
def test_post_release_and_local_version_are_not_prereleases(version: str) -> None:
    assert offered("1", version) == [version, "1"]


def test_later_releases_are_not_read_after_the_first_eligible_one() -> None:
    unread = Release(version=Version("1"), wheels=(None,))  # type: ignore[arg-type]
    first = next(iter(eligible_releases([unread, release("2", PURE)], PYTHON)))
    assert str(first.version) == "2"
