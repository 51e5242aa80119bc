"""One package, page or file that cannot be resolved does not stop the plan for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from bad_index_server import Play, Request, environment, page
from plan_cases import changes_of
from release_world import World, reasons, release, site_packages, status, versions, world_in

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, PlanImpossible
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory, transactions
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with world_in(tmp_path) as world:
        world.publish(release("fern", "1.0"), release("fern", "2.0"))
        yield world


FERN = "fern 1.0 → 2.0"
FERN_1 = release("fern", "1.0")


# --- installed packages


def test_broken_package_is_held_back_and_its_dependents_are_upgraded(world: World) -> None:
    lantern = release("lantern", "1.0", "wick<2", "fern")
    world.publish(lantern, release("wick", "1.0"), release("wick", "2.0"), release("wick", "2.1"))
    world.publish(release("porch", "1.0", "lantern"), release("porch", "1.5", "lantern>=1"))
    porch = release("porch", "1.0", "lantern")
    backend = world.backend(lantern, release("wick", "2.0"), porch, FERN_1)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == [FERN, "porch 1.0 → 1.5", "wick 2.0 → 2.1"]
    assert reasons(plan) == {"lantern": "lantern requires wick<2, but 2.0 is installed"}
    assert changes_of(plan_upgrade(backend, ["lantern", "porch"])) == ["porch 1.0 → 1.5"]


def test_newer_release_that_mends_a_broken_package_is_planned(world: World) -> None:
    world.publish(release("lantern", "1.0", "wick<2"), release("lantern", "1.1", "wick<3"))
    world.publish(release("wick", "2.0"))
    backend = world.backend(release("lantern", "1.0", "wick<2"), release("wick", "2.0"))
    plan = plan_upgrade(backend)
    assert (changes_of(plan), plan.held_back) == (["lantern 1.0 → 1.1"], ())


def test_broken_package_is_not_held_back_by_what_the_plan_installs(world: World) -> None:
    lantern = release("lantern", "1.0", "wick")
    world.publish(lantern, release("wick", "1.0"), release("porch", "1.5", "wick"))
    plan = plan_upgrade(world.backend(lantern, release("porch", "1.0")))
    assert changes_of(plan) == ["porch 1.0 → 1.5", "wick 1.0 (new)"]
    assert reasons(plan) == {}


def test_requirement_that_is_met_protects_although_another_is_not(world: World) -> None:
    backend = world.backend(release("lantern", "1.0", "absent", "fern<2"), FERN_1)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == []
    assert reasons(plan)["fern"] == "blocked by lantern 1.0 (fern<2)"


@pytest.mark.parametrize(
    "metadata",
    [
        "Requires-Python: 3.6 or newer",
        "Requires-Python: >=3.\nRequires-Dist: fern",
        "Provides-Extra: dev\nRequires-Dist: kit @ https://h.invalid/kit/archive ; extra == 'dev'",
        "Requires-Dist: kit @ git+https://h.invalid/kit",
        "Requires-Dist: fern >=1.0.*",
        "Requires-Dist: fern (>=1.0.*)",
        "Requires-Dist: >=1",
        "Requires-Python: >=3.99",
        "Requires-Dist: fern>=2004d",
    ],
)
def test_metadata_that_uv_cannot_read_stops_no_plan(world: World, metadata: str) -> None:
    world.serve("odd", status("404 Not Found"))
    backend = world.backend(FERN_1)
    world.plant(backend, "odd", metadata)
    assert changes_of(plan_upgrade(backend, "fern")) == [FERN]
    assert changes_of(plan_upgrade(backend)) == [FERN]
    world.publish(release("moss", "1.0", "odd"))
    assert changes_of(plan_install(backend, "moss")) == ["moss 1.0 (new)"]


# --- nothing newer


def publish_yanked(world: World) -> None:
    world.publish(release("moss", "1.0"), release("moss", "1.5"), yanked="a bug")


def publish_older(world: World) -> None:
    world.publish(release("moss", "0.9"))


def publish_sdists(world: World) -> None:
    world.publish_sdist("moss", "1.0")
    world.publish_sdist("moss", "2.0")


def publish_nothing(world: World) -> None:
    world.serve("moss", lambda request: request.answer(page()))


def publish_empty_html(world: World) -> None:
    world.serve(
        "moss",
        lambda request: request.answer(
            b"<!DOCTYPE html><html><body></body></html>", Content_Type="text/html"
        ),
    )


def publish_unreadable_but_old(world: World) -> None:
    world.publish(release("moss", "1.0"), yanked=None)


@pytest.mark.parametrize(
    ("publish", "reason"),
    [
        (publish_yanked, "all its releases are yanked"),
        (publish_older, None),
        (publish_sdists, "the index has no wheel of it"),
        (publish_nothing, "the index lists no release of it"),
        (publish_empty_html, "the index lists no release of it"),
        (publish_unreadable_but_old, None),
    ],
)
def test_nothing_newer_is_nothing_to_change(
    world: World, publish: Callable[[World], None], reason: str | None
) -> None:
    publish(world)
    backend = world.backend(release("moss", "1.0"), FERN_1)
    plan = plan_upgrade(backend, "moss")
    assert changes_of(plan) == []
    assert reasons(plan) == ({} if reason is None else {"moss": reason})
    assert changes_of(plan_upgrade(backend, ["fern", "moss"])) == [FERN]
    assert changes_of(plan_upgrade(backend)) == [FERN]


# --- pages and files

UNREADABLE_PAGES: dict[str, Play] = {
    "no time": lambda request: request.answer(page(moss_row(upload_time=""))),
    "no yank": lambda request: request.answer(page(moss_row(yanked=None))),
    "gone": status("410 Gone"),
    "error": status("500 Internal Server Error"),
    "denied": status("401 Unauthorized"),
    "forbidden": status("403 Forbidden"),
    "cut off": lambda request: request.answer(b'{"files": ['),
    "no JSON or HTML": lambda request: request.answer(b"moss", Content_Type="text/plain"),
    "reset": lambda request: request.reset(),
    "dead redirect": lambda request: request.answer(
        b"", "302 Found", Location="http://127.0.0.1:9/simple/moss/"
    ),
}


def moss_row(**keys: object) -> dict[str, object]:
    filename = "moss-2.0-py3-none-any.whl"
    row: dict[str, object] = {"filename": filename, "url": f"/files/{filename}", "hashes": {}}
    return row | {key.replace("_", "-"): value for key, value in keys.items()}


@pytest.mark.slow
@pytest.mark.parametrize("play", UNREADABLE_PAGES.values(), ids=UNREADABLE_PAGES)
def test_page_that_cannot_be_read_holds_back_its_project_only(world: World, play: Play) -> None:
    world.serve("moss", play)
    backend = world.backend(release("moss", "1.0"), FERN_1)
    for names in ("fern", ["fern", "moss"], None):
        plan = plan_upgrade(backend, names)
        assert changes_of(plan) == [FERN]
        if names != "fern":
            assert "moss" in reasons(plan)["moss"] or world.server.url in reasons(plan)["moss"]
    with pytest.raises(PkgwidgetsError) as caught:
        plan_upgrade(backend, "moss")
    assert not isinstance(caught.value, PlanImpossible)
    assert world.server.url in str(caught.value)


def test_many_unreadable_pages_hold_back_their_projects_only(world: World) -> None:
    names = [f"moss{number}" for number in range(6)]
    for name in names:
        world.publish(release(name, "1.0"), release(name, "2.0"), upload_time="")
    backend = world.backend(*(release(name, "1.0") for name in names), FERN_1)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == [FERN]
    assert set(reasons(plan)) == set(names)
    for name, reason in reasons(plan).items():
        assert reason.startswith(f"the page of {name} on {world.server.url} cannot be used: ")


@pytest.mark.slow
def test_more_unreachable_pages_than_attempts_hold_back_their_projects_only(world: World) -> None:
    names = [f"moss{number}" for number in range(24)]
    for name in names:
        world.serve(name, UNREADABLE_PAGES["dead redirect"])
    backend = world.backend(*(release(name, "1.0") for name in names), FERN_1)
    plan = plan_upgrade(backend, "fern")
    assert changes_of(plan) == [FERN]
    assert set(reasons(plan)) == set(names)


@pytest.mark.slow
def test_index_that_goes_down_before_the_resolution_is_named(world: World) -> None:
    def once(request: Request) -> None:
        if request.nth:
            request.reset()
        else:
            request.answer(page(*world.pages["fern"]))

    world.serve("fern", once)
    world.serve("moss", UNREADABLE_PAGES["reset"])
    backend = world.backend(release("moss", "1.0"), FERN_1)
    with pytest.raises(IndexUnavailable) as caught:
        plan_upgrade(backend, "fern")
    assert (caught.value.index, caught.value.project) == (world.server.url, "")


def test_requirements_of_a_package_without_a_page_are_kept(world: World) -> None:
    world.publish(release("moss", "1.0", "fern<2"), release("moss", "2.0"), upload_time="")
    backend = world.backend(release("moss", "1.0", "fern<2"), FERN_1)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == []
    assert reasons(plan)["fern"] == "blocked by moss 1.0 (fern<2)"


def test_release_whose_file_is_missing_is_passed_over(world: World) -> None:
    world.publish(*(release("moss", version) for version in ("1.0", "1.5", "2.0")))
    del world.server.files["moss-2.0-py3-none-any.whl"]
    world.serve("moss-2.0-py3-none-any.whl", status("404 Not Found"))
    backend = world.backend(release("moss", "1.0"), FERN_1)
    plan = plan_upgrade(backend, "moss")
    assert changes_of(plan) == ["moss 1.0 → 1.5"]
    (held_back,) = plan.held_back
    assert str(held_back).startswith(
        "moss 1.5, not 2.0: the file moss-2.0-py3-none-any.whl of moss on "
        f"{world.server.url} cannot be used: HTTP status client error (404 Not Found)"
    )
    assert changes_of(plan_upgrade(backend)) == [FERN, "moss 1.0 → 1.5"]


@pytest.mark.parametrize("line", ["401 Unauthorized", "403 Forbidden", "404 Not Found"])
def test_only_file_of_a_dependency_that_is_missing_is_named(world: World, line: str) -> None:
    world.publish(release("moss", "1.0"), release("moss", "2.0", "spore"))
    world.publish(release("spore", "1.0"))
    del world.server.files["spore-1.0-py3-none-any.whl"]
    world.serve("spore-1.0-py3-none-any.whl", status(line))
    backend = world.backend(FERN_1)
    with pytest.raises(IndexUnavailable) as caught:
        plan_install(backend, "moss==2.0")
    assert (caught.value.project, caught.value.file) == ("spore", "spore-1.0-py3-none-any.whl")
    with pytest.raises(IndexUnavailable) as caught:
        plan_install(backend, "spore")
    assert line.partition(" ")[0] in str(caught.value)


@pytest.mark.parametrize("line", ["401 Unauthorized", "403 Forbidden", "500 Server Error"])
def test_page_of_a_new_dependency_that_is_denied_is_named(world: World, line: str) -> None:
    world.publish(release("moss", "1.0"), release("moss", "2.0", "spore"))
    world.serve("spore", status(line))
    backend = world.backend(release("moss", "1.0"), FERN_1)
    with pytest.raises(IndexUnavailable) as caught:
        plan_install(backend, "moss==2.0")
    assert caught.value.project == "spore"
    assert line.partition(" ")[0] in str(caught.value)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == [FERN]
    assert set(reasons(plan)) == {"moss"}


# --- pre-releases


def test_pre_release_is_taken_only_for_what_was_requested(world: World) -> None:
    world.publish(release("moss", "1.0", "fern<2"), release("moss", "2.0rc1"))
    world.publish(release("spore", "1.0", "moss>1"))
    backend = world.backend(release("moss", "1.0", "fern<2"), FERN_1)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == []
    assert reasons(plan)["fern"] == "blocked by moss 1.0 (fern<2)"
    assert changes_of(plan_upgrade(backend, "fern", allow="all")) == [FERN, "moss 1.0 → 2.0rc1"]
    plan = plan_install(backend, "spore")
    assert changes_of(plan) == ["spore 1.0 (new)", "moss 1.0 → 2.0rc1"]
    assert "moss 2.0rc1 is a pre-release" in "\n".join(map(str, plan.warnings))


# --- settings that hide releases

HIDDEN = "exclude-newer (2024-01-01) hides all its releases"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (
            {"upload_time": "2025-05-01T00:00:00Z"},
            "exclude-newer (2024-01-01) hides all its releases",
        ),
        (
            {},
            "exclude-newer (2024-01-01) hides all its releases, because the index gives no upload "
            "times",
        ),
    ],
    ids=["too new", "no times"],
)
def test_setting_that_hides_all_releases_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], reason: str
) -> None:
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2024-01-01")
    world.publish(release("moss", "1.0"), release("moss", "2.0"), **keys)
    world.publish(
        release("reed", "1.0"), release("reed", "2.0"), upload_time="2023-05-01T00:00:00Z"
    )
    backend = world.backend(release("moss", "1.0"), release("reed", "1.0"))
    (row,) = (row for row in inventory.check_for_updates(backend) if row.name == "moss")
    assert row.error == reason
    plan = plan_upgrade(backend, ["moss", "reed"])
    assert changes_of(plan) == ["reed 1.0 → 2.0"]
    assert reasons(plan) == {"moss": reason}
    world.publish(release("kelp", "1.0"), **keys)
    with pytest.raises(PlanImpossible, match="kelp cannot be installed: exclude-newer"):
        plan_install(backend, "kelp")
    with pytest.raises(PlanImpossible, match="moss cannot be installed: exclude-newer"):
        plan_install(backend, "moss>=2")
    with pytest.raises(PlanImpossible, match="moss cannot be installed: exclude-newer"):
        plan_upgrade(backend, "moss", version="2.0")
    assert changes_of(plan_install(backend, "moss")) == []


# --- virtual environments with system packages


@pytest.fixture
def based(world: World) -> Callable[..., Backend]:
    """Return a function that makes an environment which sees packages of another."""

    def make(base: Sequence[BuiltWheel], installed: Sequence[BuiltWheel] = ()) -> Backend:
        lower, upper = (
            environment(world.folder / name, wheels)
            for name, wheels in (("base", base), ("environment", installed))
        )
        (site_packages(upper) / "base.pth").write_text(f"{site_packages(lower)}\n")
        return connect(upper, world.server.url)

    return make


def test_newer_release_is_installed_over_that_of_the_base_and_undone(
    world: World, based: Callable[..., Backend]
) -> None:
    world.publish(release("moss", "1.0", "fern>=2"))
    backend = based([FERN_1])
    for requirement in ("fern>=2", "fern==2.0"):
        assert changes_of(plan_install(backend, requirement)) == ["fern 2.0 (new)"]
    plan = plan_install(backend, "moss")
    assert changes_of(plan) == ["moss 1.0 (new)", "fern 2.0 (new)"]
    transactions.apply_and_follow(backend, plan)
    assert versions(backend) == {"moss": "1.0", "fern": "2.0"}
    undo = plan_undo(backend)
    assert changes_of(undo) == ["moss 1.0 (removed)", "fern 2.0 (removed)"]
    transactions.apply_and_follow(backend, undo)
    assert versions(backend) == {"fern": "1.0"}


def test_release_of_the_base_is_used_where_it_will_do(
    world: World, based: Callable[..., Backend]
) -> None:
    world.publish(release("moss", "1.0", "fern"))
    assert changes_of(plan_install(based([FERN_1]), "moss")) == ["moss 1.0 (new)"]


def test_package_of_the_base_is_not_broken_from_the_environment(
    world: World, based: Callable[..., Backend]
) -> None:
    world.publish(release("fern", "1.5"))
    backend = based([FERN_1, release("pot", "1.0", "fern[soil]<2")])
    assert changes_of(plan_install(backend, "fern>=1.2")) == ["fern 1.5 (new)"]
    with pytest.raises(PlanImpossible):
        plan_install(backend, "fern>=2")
