"""The projects of the demo: what is installed and which releases the index has.

| project      | installed | on the index | what it shows                                   |
|--------------|-----------|--------------|-------------------------------------------------|
| seedshelf    | 1.4.1     | 1.4.2        | a patch; has a command and a manual page        |
| bedplanner   | 2.1.0     | 2.3.0        | a minor update that also needs sundrift 1.2     |
| sundrift     | 1.0.4     | 1.2.0        | only a dependency, itself out of date           |
| frostcall    | 1.9.3     | 2.0.0        | a major update                                  |
| raintable    | 2.0.0     | 2.4.0, 3.1.0 | allotboard forbids 3.1.0; 2.4.0 is compatible   |
| allotboard   | 1.40.0    | 1.67.0       | forbids raintable 3; the newer one accepts it   |
| harvestscale | 3.2.0     | 3.3.0        | the newer one installs, and fails to import     |
| Compost_Log  | 0.9.0     | 1.0.0 yanked | up to date; normalized name: compost-log        |
| moonsower    | 5.0.1     | 6.0.0rc1     | up to date: a pre-release is not offered        |
| coldframe    | 1.2.0     | 2.0.0        | up to date: the newer one needs Python 4        |
| beanpoles    | 1.1.0     |              | up to date; only a dependency                   |

The index has the installed release of each project, and those of the third column. Upgrading
everything at once fails because of harvestscale, and leaves the environment unchanged.

The index has attestations (PEP 740) for sundrift, by one publisher, and for frostcall, whose
publisher changed with 2.0.0.

Two more projects are not installed. The newest release of dewcatcher, 1.1.0, is two days old.
slugtrap is quarantined.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from . import package_sources
from .wheel_builder import BuiltWheel

INSTALLED = (
    "allotboard==1.40.0",
    "beanpoles==1.1.0",
    "bedplanner==2.1.0",
    "coldframe==1.2.0",
    "Compost_Log==0.9.0",
    "frostcall==1.9.3",
    "harvestscale==3.2.0",
    "moonsower==5.0.1",
    "raintable==2.0.0",
    "seedshelf==1.4.1",
    "sundrift==1.0.4",
)
"""The releases that the environment starts with."""

DEPENDENCIES = frozenset({"beanpoles", "sundrift"})
"""The installed projects that are not requested: bedplanner requires them."""


_MANUAL = package_sources.SEEDSHELF_MANUAL


def _release(
    name: str,
    version: str,
    day: str,
    files: Mapping[str, str],
    *,
    requires: tuple[str, ...] = (),
    requires_python: str = ">=3.11",
    entry_points: str = "",
    yanked: str | None = None,
    publisher: str = "",
) -> BuiltWheel:
    """Return a release of `day` (ISO 8601); its summary is the docstring of its first file."""
    return BuiltWheel(
        name=name,
        version=version,
        files={path: text.replace("@version", version) for path, text in files.items()},
        requires=requires,
        requires_python=requires_python,
        summary=ast.get_docstring(ast.parse(next(iter(files.values())))) or "",
        entry_points=entry_points,
        yanked=yanked,
        publisher=publisher,
        uploaded=datetime.fromisoformat(f"{day}T09:30:00").replace(tzinfo=UTC),
    )


def _seedshelf(version: str, day: str, *, carrot_days: int) -> BuiltWheel:
    return _release(
        "seedshelf",
        version,
        day,
        {
            "seedshelf.py": package_sources.SEEDSHELF.replace("@carrot", str(carrot_days)),
            "{name}-{version}.data/data/share/man/man1/seedshelf.1": _MANUAL,
        },
        entry_points="[console_scripts]\nseedshelf = seedshelf:main\n",
    )


def _bedplanner(version: str, day: str, layout: str, *, needs: str) -> BuiltWheel:
    return _release(
        "bedplanner",
        version,
        day,
        {"bedplanner/__init__.py": package_sources.BEDPLANNER, "bedplanner/layout.py": layout},
        requires=("beanpoles>=1", needs),
    )


def _raintable(version: str, day: str, code: str, *, total: str) -> BuiltWheel:
    return _release("raintable", version, day, {"raintable.py": code.replace("@total", total)})


def _allotboard(version: str, day: str, *, total: str, needs: str) -> BuiltWheel:
    code = package_sources.ALLOTBOARD.replace("@total", total)
    return _release("allotboard", version, day, {"allotboard.py": code}, requires=(needs,))


def _harvestscale(version: str, day: str, scale: str) -> BuiltWheel:
    files = {
        "harvestscale/__init__.py": package_sources.HARVESTSCALE,
        "harvestscale/_scale.py": scale,
    }
    return _release("harvestscale", version, day, files)


def _compost_log(version: str, day: str, *, litres: str, yanked: str | None = None) -> BuiltWheel:
    code = package_sources.COMPOST_LOG.replace("@litres", litres)
    return _release("Compost_Log", version, day, {"compost_log.py": code}, yanked=yanked)


_SUN = package_sources.SUNDRIFT
_RAIN = package_sources.RAINTABLE
_WETTEST = package_sources.RAINTABLE + package_sources.RAINTABLE_WETTEST
_MOON = {"moonsower.py": package_sources.MOONSOWER}
_FRAME = {"coldframe.py": package_sources.COLDFRAME}

WHEELS = (
    # 1.4.1 has a misprint: 700 days for a carrot.
    _seedshelf("1.4.1", "2026-02-11", carrot_days=700),
    _seedshelf("1.4.2", "2026-09-28", carrot_days=70),
    _bedplanner("2.1.0", "2026-01-20", package_sources.BEDPLANNER_LAYOUT, needs="sundrift>=1"),
    _bedplanner(
        "2.3.0", "2026-10-05", package_sources.BEDPLANNER_LAYOUT_BY_SUN, needs="sundrift>=1.2"
    ),
    _release(
        "sundrift",
        "1.0.4",
        "2025-11-03",
        {"sundrift.py": _SUN},
        publisher="demo-garden/sundrift",
    ),
    _release(
        "sundrift",
        "1.2.0",
        "2026-08-17",
        {"sundrift.py": _SUN + package_sources.SUNDRIFT_BEST_MONTH},
        publisher="demo-garden/sundrift",
    ),
    _release(
        "frostcall",
        "1.9.3",
        "2025-12-01",
        {"frostcall.py": package_sources.FROSTCALL},
        publisher="demo-garden/frostcall",
    ),
    _release(
        "frostcall",
        "2.0.0",
        "2026-10-19",
        {"frostcall.py": package_sources.FROSTCALL_WITH_MARGIN},
        publisher="frost-mirror/frostcall",
    ),
    _raintable("2.0.0", "2025-09-08", _RAIN, total="total"),
    _raintable("2.4.0", "2026-04-13", _WETTEST, total="total"),
    _raintable("3.1.0", "2026-10-26", _WETTEST, total="millimetres"),
    _allotboard("1.40.0", "2025-10-14", total="rain.total()", needs="raintable>=2,<3"),
    _allotboard(
        "1.67.0",
        "2026-11-02",
        total="sum(rain.days.values())",  # works with both raintable 2 and 3
        needs="raintable>=2,<4",
    ),
    _harvestscale("3.2.0", "2026-03-30", package_sources.HARVESTSCALE_PURE),
    _harvestscale("3.3.0", "2026-10-12", package_sources.HARVESTSCALE_NATIVE),
    _compost_log("0.9.0", "2026-05-04", litres="litres"),
    _compost_log("1.0.0", "2026-06-15", litres="2 * litres", yanked="counts everything twice"),
    _release("moonsower", "5.0.1", "2026-07-07", _MOON),
    _release("moonsower", "6.0.0rc1", "2026-11-09", _MOON),
    _release("coldframe", "1.2.0", "2026-03-03", _FRAME),
    _release("coldframe", "2.0.0", "2026-09-14", _FRAME, requires_python=">=4"),
    _release("beanpoles", "1.1.0", "2025-08-25", {"beanpoles.py": package_sources.BEANPOLES}),
)
"""Every release of the installed projects on the index."""

QUARANTINED = "slugtrap"
"""The project whose status on the index is quarantined."""


def other_wheels(now: datetime) -> tuple[BuiltWheel, ...]:
    """Return the releases of the projects that are not installed; the youngest is two days old."""
    dew = {"dewcatcher.py": package_sources.DEWCATCHER}
    lately = (now - timedelta(days=2, hours=1)).astimezone(UTC)
    return (
        _release("dewcatcher", "1.0.0", "2026-02-02", dew),
        replace(_release("dewcatcher", "1.1.0", "2026-02-02", dew), uploaded=lately),
        _release(QUARANTINED, "1.0.0", "2026-05-18", {"slugtrap.py": package_sources.SLUGTRAP}),
    )
