"""Rehearsals with real environments, indexes and kernels."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from html.parser import HTMLParser
from math import ceil, log2
from pathlib import Path
from threading import Barrier

import pandas as pd
import pytest
from fakes import Oracle
from scratch_notebooks import crops, write

from pkgwidgets import PackageService
from pkgwidgets.analysis.run_comparison import Rehearsal
from pkgwidgets.core.errors import Cancelled, InvalidRequest
from pkgwidgets.core.events import Event
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.notebook.styled_frames import RehearsalFrame
from pkgwidgets.presentation.rehearsal_html import rehearsal_html

pytestmark = pytest.mark.slow

REFERENCE = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text("utf-8")
USE = "import frostcall\nfrostcall.frost_tonight(1)"


def rehearsal_of(frame: pd.DataFrame) -> Rehearsal:
    assert isinstance(frame, RehearsalFrame)
    return frame.rehearsal


def test_rehearsal_returns_a_frame_and_changes_nothing(
    service: PackageService, garden: Demo, tree: Oracle, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "story.ipynb", "print('<b>')", USE)
    before = tree(service.prefix)
    events: list[Event] = []
    plan = service.plan_upgrade(["frostcall", "bedplanner"])
    frame = service.rehearse(plan, notebook, report=events.append)
    assert frame[["notebook", "cell", "verdict"]].to_numpy().tolist() == [
        ["story.ipynb", 1, "same"],
        ["story.ipynb", 2, "would fail"],
    ]
    assert frame.loc[1, "before"] == "True"
    assert "no attribute 'frost_tonight'" in str(frame.loc[1, "after"])
    assert tree(service.prefix) == before
    texts = {event.text for event in events}
    assert "rehearsing story.ipynb with the installed versions, cell 2 of 2" in texts
    assert "rehearsing story.ipynb with the new versions, cell 2 of 2" in texts
    assert type(frame[["cell"]]) is pd.DataFrame
    assert not isinstance(frame[frame.verdict != "same"], RehearsalFrame)
    assert service.values.history() == ()


@pytest.mark.parametrize("apart", [False, True], ids=["of the same", "of another plan"])
def test_two_concurrent_rehearsals_do_not_affect_each_other(
    garden: Demo, tree: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    """Both run at once on one environment and one notebook, which writes to its folder."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    count = (
        "from pathlib import Path\nn = Path('n')\nn.write_text(n.read_text() + 'x')\nn.read_text()"
    )
    notebook = write(tmp_path / "work" / "a.ipynb", count, USE, count)
    (tmp_path / "work" / "n").write_text("")
    services = [PackageService(garden.python, index_url=garden.index_url) for _ in range(2)]
    plans = [
        service.plan_upgrade("seedshelf" if apart and number else "frostcall")
        for number, service in enumerate(services)
    ]
    before = tree(services[0].prefix)
    meeting = Barrier(2)

    def rehearse(number: int) -> list[list[object]]:
        met = set[str]()

        def report(event: Event) -> None:
            if event.text.endswith("cell 2 of 3") and event.text not in met:
                met.add(event.text)
                if len(met) < 3:  # as it is, and with the plan
                    meeting.wait(300)

        frame = services[number].rehearse(plans[number], notebook, report=report)
        assert len(met) == 2
        return frame[["before", "after", "verdict"]].to_numpy().tolist()

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(rehearse, number) for number in range(2)]
        for future in as_completed(both):
            future.result()  # the first that failed, not the one that waits for it
        first, second = (future.result() for future in both)
    broken = "AttributeError: module 'frostcall' has no attribute 'frost_tonight'"
    same = [["'x'", "'x'", "same"], ["True", "True", "same"], ["'xx'", "'xx'", "same"]]
    assert first == [same[0], ["True", broken, "would fail"], same[2]]
    assert second == (same if apart else first)
    assert tree(services[0].prefix) == before
    assert (tmp_path / "work" / "n").read_text() == ""
    assert list(place.iterdir()) == []
    assert not services[0].plan_known_good(notebook)


class _Reader(HTMLParser):
    """Collects the tags and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_different_outputs_are_shown_side_by_side_and_escaped(
    service: PackageService, tmp_path: Path
) -> None:
    cells = [
        "1",
        "import frostcall as f\nprint('<script>alert(1)</script>', hasattr(f, 'call'))",
    ]
    plan = service.plan_upgrade("frostcall")
    frame = service.rehearse(plan, write(tmp_path / "<i>.ipynb", *cells))
    shown = _Reader(rehearsal_html(rehearsal_of(frame)))
    tags = {"div", "b", "span", "table", "thead", "tbody", "tr", "th", "td", "pre"}
    assert shown.tags == tags
    assert "<script>alert(1)</script> False" in shown.texts
    assert "<script>alert(1)</script> True" in shown.texts
    assert "cell 2 of <i>.ipynb " in shown.texts
    assert "≠ different output" in shown.texts
    assert shown.texts[0] == (
        "1 of 2 cells would have a different output; 1 would stay the same. Nothing was changed."
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"notebooks": []}, "No notebook was given"),
        ({"notebooks": [""]}, "give a path"),
        ({"notebooks": 3}, "give a path or several"),
        ({"notebooks": [3]}, "give a path"),
        ({"notebooks": "nowhere.ipynb"}, "not a valid notebook"),
        ({"seconds": 0}, "above zero"),
        ({"seconds": "9"}, "above zero"),
        ({"seconds": float("nan")}, "above zero"),
        ({"sanitize": "nowhere.cfg"}, "not a valid file of rules"),
        ({"sanitize": __file__}, "has no rules"),
        ({"plan": "pandas"}, "not a valid plan"),
    ],
    ids=range(11),
)
def test_invalid_notebook_limit_or_plan_is_refused(
    service: PackageService, tmp_path: Path, arguments: dict[str, object], why: str
) -> None:
    given = {
        "plan": service.plan_upgrade("frostcall"),
        "notebooks": write(tmp_path / "a.ipynb", "1"),
        **arguments,
    }
    rehearse: Callable[..., object] = service.rehearse
    with pytest.raises(InvalidRequest, match=why):
        rehearse(**given)


def test_cancelled_rehearsal_leaves_the_environment_unchanged(
    service: PackageService, tree: Oracle, tmp_path: Path
) -> None:
    def cancel(event: Event) -> None:
        if "cell 1" in event.text:
            raise KeyboardInterrupt

    before = tree(service.prefix)
    notebook = write(tmp_path / "a.ipynb", "import time; time.sleep(60)")
    with pytest.raises(Cancelled):
        service.rehearse(service.plan_upgrade("frostcall"), notebook, report=cancel)
    with pytest.raises(Cancelled):
        service.upgrade_all_packages(notebooks=notebook, report=cancel)
    assert tree(service.prefix) == before
    assert service.values.history() == ()


def test_reference_rehearsal_example_runs(
    service: PackageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run on the demo, with one of its packages in place of pandas."""
    section = REFERENCE.partition("\n## Rehearsal\n")[2]
    (block,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "report.ipynb", USE)
    exec(block.replace('"pandas"', '"frostcall"'), {"service": service})
    (done,) = service.values.history()  # what it ran clean with is what it now has
    names = {change.id for change in done.changes}
    assert names == {"allotboard", "bedplanner", "raintable", "seedshelf", "sundrift"}
    assert service.get_package("frostcall").version == "1.9.3"
    service.upgrade_package("frostcall")
    back = service.plan_known_good("report.ipynb")
    assert [str(change) for change in back.changes] == ["frostcall 2.0.0 → 1.9.3"]


@pytest.mark.slow
def test_two_culprits_of_twelve_are_held_back_and_the_rest_upgraded(
    garden: Demo, service: PackageService, tmp_path: Path
) -> None:
    wheels = crops(12, [4, 9])
    garden.index.publish(*wheels)
    scheme = {"purelib": garden.site_packages, "scripts": garden.python.parent}
    for wheel in wheels:
        if wheel.version == "1.0.0":
            WheelInstallation(
                wheel=wheel, python=garden.python, scheme=scheme, requested=True
            ).run()
    for name in ("seedshelf", "frostcall", "harvestscale", "bedplanner", "raintable"):
        garden.index.withdraw(name)
    cells = [f"import crop{n}\ncrop{n}.count()" for n in range(1, 13)]
    notebook = write(tmp_path / "a.ipynb", *cells)
    runs: list[str] = []

    def report(event: Event) -> None:
        if event.text and runs[-1:] != [event.text]:
            runs.append(event.text)

    frame = service.upgrade_all_packages(notebooks=[notebook], report=report)
    kept = frame[frame.kind == "held back"]
    assert {name for name in kept.index if name.startswith("crop")} == {"crop4", "crop9"}
    why = str(kept.loc["crop4", "status"])
    assert "it breaks cell 4 of a.ipynb (ZeroDivisionError" in why
    upgraded = {name for name in frame.index[frame.kind == "upgrade"] if name.startswith("crop")}
    assert upgraded == {f"crop{number}" for number in range(1, 13) if number not in (4, 9)}
    count = runs.count("starting a kernel with the new versions")
    assert 2 < count <= 2 + ceil(log2(12)) * 2


def test_rehearsed_notebook_sees_the_protected_environment_in_a_variable(
    service: PackageService, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "import os\nprint(os.environ['PKGWIDGETS_REHEARSED'])")
    rehearsal = service.values.rehearsal(service.plan_upgrade("seedshelf"), notebook)
    assert [cell.after.text for cell in rehearsal.cells] == [str(service.prefix)]


def test_plan_for_notebooks_is_remembered_as_known_good_after_apply(
    service: PackageService, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "story.ipynb", USE)
    plan = service.plan_upgrade(notebooks=notebook)
    assert service.values.history() == ()
    assert "frostcall" not in {change.id for change in plan.changes}
    assert any("cell 1 of story.ipynb" in kept.reason for kept in plan.held_back)
    service.apply(plan)
    assert not service.plan_known_good(notebook)
    service.undo()
    back = service.plan_known_good(notebook)
    assert {change.id for change in back.changes} == {change.id for change in plan.changes}
