"""Stand-ins: names, versions and limits of known projects, and none of their code.

| project      | installed | on the index | what it shows                             |
|--------------|-----------|--------------|-------------------------------------------|
| pandas       | 2.2.0     | 2.3.3, 3.1.1 | streamlit forbids 3.1.1, 2.3.3 is allowed |
| numpy        | 1.26.4    | 2.4.6        | streamlit forbids it                      |
| streamlit    | 1.31.0    | 1.67.0       | forbids pandas 3, numpy 2 and rich 14     |
| rich         | 13.9.4    | 15.0.0       | streamlit forbids it                      |
| requests     | 2.31.0    | 2.34.2       | a minor update                            |
| matplotlib   | 3.8.4     | 3.11.2       | a minor update                            |
| scikit-learn | 1.4.2     | 1.9.1        | a minor update                            |

The days and the limits are those of the real releases. Each summary says that it is a stand-in.

>>> from pkgwidgets.demo import stand_ins
>>> {wheel.summary for wheel in stand_ins.WHEELS if wheel.name == "pandas"}
{'Stand-in for pandas: none of its code, made for the demo of pkgwidgets.'}
"""

from __future__ import annotations

from datetime import UTC, datetime

from .wheel_builder import BuiltWheel

INSTALLED = (
    "matplotlib==3.8.4",
    "numpy==1.26.4",
    "pandas==2.2.0",
    "requests==2.31.0",
    "rich==13.9.4",
    "scikit-learn==1.4.2",
    "streamlit==1.31.0",
)
"""The releases that the environment starts with."""

DEPENDENCIES = frozenset({"numpy", "requests", "rich"})
"""The installed projects that are not requested: others require them."""

_PANDAS = '''
class DataFrame(dict):
    """Columns by their name; shown as a table."""

    def __getitem__(self, name):
        return Series(super().__getitem__(name))

    def _repr_html_(self):
        head = "".join(f"<th>{name}</th>" for name in self)
        cell = "<{0}>{1}</{0}>".format
        rows = ("".join(cell("td", value) for value in row) for row in zip(*self.values()))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>"


class Series(list):
    """The values of one column."""

    def max(self):
        """Return the largest value."""
        return max(self)

    def sum(self):
        """Return the sum of the values."""
        return sum(self)
'''
_MODULES = {"scikit-learn": "sklearn"}


def _release(name: str, version: str, day: str, *requires: str, code: str = "") -> BuiltWheel:
    """Return a stand-in for the release of `day` (ISO 8601)."""
    summary = f"Stand-in for {name}: none of its code, made for the demo of pkgwidgets."
    return BuiltWheel(
        name=name,
        version=version,
        files={
            f"{_MODULES.get(name, name)}/__init__.py": f'"""{summary}"""\n\n'
            f'__version__ = "{version}"\n{code}'
        },
        requires=requires,
        requires_python=">=3.11",
        summary=summary,
        uploaded=datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC),
    )


WHEELS = (
    _release("pandas", "2.2.0", "2024-01-20", "numpy>=1.23.2,<2", code=_PANDAS),
    _release("pandas", "2.3.3", "2025-09-29", "numpy>=1.23.2", code=_PANDAS),
    _release("pandas", "3.1.1", "2026-11-04", "numpy>=2.0.2", code=_PANDAS),
    _release("numpy", "1.26.4", "2024-02-05"),
    _release("numpy", "2.4.6", "2026-05-18"),
    _release(
        *("streamlit", "1.31.0", "2024-02-01"),
        *("numpy>=1.19.3,<2", "pandas>=1.3,<3", "requests>=2.27,<3", "rich>=10.14,<14"),
    ),
    _release(
        *("streamlit", "1.67.0", "2026-11-05"),
        *("numpy>=1.25,<3", "pandas>=1.5.3,<4", "requests>=2.27,<3"),
    ),
    _release("rich", "13.9.4", "2024-11-01"),
    _release("rich", "15.0.0", "2026-04-12"),
    _release("requests", "2.31.0", "2023-05-22"),
    _release("requests", "2.34.2", "2026-05-14"),
    _release("matplotlib", "3.8.4", "2024-04-04", "numpy>=1.21"),
    _release("matplotlib", "3.11.2", "2026-09-11", "numpy>=1.25"),
    _release("scikit-learn", "1.4.2", "2024-04-09", "numpy>=1.19.5"),
    _release("scikit-learn", "1.9.1", "2026-09-10", "numpy>=1.24.1"),
)
"""Every stand-in on the index of `demo.start(stand_ins=True)`."""
