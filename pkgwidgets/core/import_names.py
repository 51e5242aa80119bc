"""Which project to install for a module, where the names differ; and names that are near."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from packaging.utils import canonicalize_name

PROJECTS = {
    "Crypto": "pycryptodome",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "git": "gitpython",
    "google.protobuf": "protobuf",
    "imblearn": "imbalanced-learn",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "pkg_resources": "setuptools",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "umap": "umap-learn",
    "usb": "pyusb",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Modules and their projects. The source of each is the RECORD or the manual of the project."""
_CUTOFF = 0.75
"""How alike two names must be, from 0 to 1 (`difflib.SequenceMatcher.ratio`)."""
_MAX_NAMES = 3


def project_of_module(module: str) -> str:
    """Return the project to install for a module: a known one, else the one of the same name.

    >>> project_of_module("sklearn.linear_model"), project_of_module("polars")
    ('scikit-learn', 'polars')
    """
    parts = module.split(".")
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    known = next((PROJECTS[prefix] for prefix in prefixes if prefix in PROJECTS), None)
    return known or canonicalize_name(parts[0])


def near_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the projects that may be meant by a name that the index does not have.

    If the name is a module's, its project comes first.

    >>> near_names("sklearn", ["pandas"]), near_names("numpyy", ["numpy", "numba"])
    (('scikit-learn',), ('numpy',))
    """
    project = canonicalize_name(name)
    of_module = [target for module, target in PROJECTS.items() if project == module.lower()]
    candidates = {canonicalize_name(other) for other in known} | {*PROJECTS.values()}
    close = get_close_matches(project, sorted(candidates - {project}), _MAX_NAMES, _CUTOFF)
    return tuple(dict.fromkeys((*of_module, *close)))[:_MAX_NAMES]
