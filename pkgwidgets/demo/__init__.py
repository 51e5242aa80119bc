"""A throw-away environment and a local index, to try everything without risk or network.

Imports no other folder; only `terminal` shows pkgwidgets with `core/`, `presentation/`,
`operations/` and `connect`.

>>> from pkgwidgets import PackageService, demo
>>> with demo.start() as garden:
...     PackageService(python=garden.python, index_url=garden.index_url).check_for_updates()
"""

from .demo_environment import Demo, start

__all__ = ["Demo", "start"]
