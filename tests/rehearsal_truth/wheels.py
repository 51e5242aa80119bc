"""Small invented packages whose releases differ in known ways.

| project    | installed | on the index | what the newer one does                                |
|------------|-----------|--------------|--------------------------------------------------------|
| soilbook   | 1.0.0     | 2.0.0        | removes functions, and changes numbers, texts, a set   |
| gardenview | 1.0.0     | 1.1.0        | newer schema and other bytes; everything looks alike   |
|            |           | 2.0.0        | shows other numbers and another picture                |
| slowbar    | 1.0.0     | 2.0.0        | a text bar; removes the parameter `desc`               |
"""

from __future__ import annotations

from pkgwidgets.demo.wheel_builder import BuiltWheel

_SOILBOOK = '''\
"""What grows in which soil."""

import asyncio
import logging

__version__ = "@version"

_log = logging.getLogger("soilbook")


def acidity(bed):
    """Return the acidity of a bed."""
    return {"north": 6.5, "south": 7.0}[bed]


def yield_kg(bed):
    """Return the kilograms that a bed yields."""
    return {"north": @north, "south": 9.5}[bed]


def crops():
    """Return the names of all crops."""
    return {"bean", "carrot", "leek", "onion", "pea", "radish", "turnip", "@crop"}


def log_round():
    """Log a round through the garden."""
    _log.warning("@beds beds are dry")


def report(bed):
    """Print a report of a bed."""
    @report


async def water(bed):
    """Water a bed; return the litres."""
    await asyncio.sleep(0)
    return 9
'''
_SOILBOOK_OLD = '''

def mulch(bed):
    """Return what covers a bed; removed in 2.0."""
    return "straw"


async def drain(bed):
    """Drain a bed; return the litres; removed in 2.0."""
    await asyncio.sleep(0)
    return 4
'''

_GARDENVIEW = '''\
"""Shows the garden: tables, charts and pictures."""

import random
import struct
import uuid
import zlib

__version__ = "@version"

_SCALE = @scale


class Table:
    """A table in HTML, with a random id as in pandas."""

    def __init__(self, **beds):
        self.beds = beds

    def _repr_html_(self):
        name = f"T_{uuid.uuid4().hex[:5]}"
        rows = "".join(
            f'<tr><th id="{name}_row{n}">{bed}</th><td id="{name}_{n}">{_SCALE * cm}</td></tr>'
            for n, (bed, cm) in enumerate(self.beds.items())
        )
        return f'<style>#{name}_row0 {{color: green}}</style><table id="{name}">{rows}</table>'


class Chart:
    """A chart in JSON: its schema has a version, and its data set a random name."""

    def __init__(self, **beds):
        self.beds = beds

    def _repr_mimebundle_(self, include=None, exclude=None):
        name = f"data-{random.getrandbits(128):032x}"
        rows = [{"bed": bed, "cm": _SCALE * cm} for bed, cm in self.beds.items()]
        chart = {
            "$schema": "https://vega.github.io/schema/vega-lite/v@schema.json",
            "data": {"name": name},
            "datasets": {name: rows},
            "mark": {"type": "bar"},
        }
        return {"application/vnd.vegalite.v5+json": chart, "text/plain": "<a chart>"}


class Figure:
    """A figure in JSON and in HTML, with a random id as in plotly."""

    def __init__(self, **beds):
        self.beds = beds

    def _repr_mimebundle_(self, include=None, exclude=None):
        name, heights = uuid.uuid4(), [_SCALE * cm for cm in self.beds.values()]
        figure = {"data": [{"type": "bar", "x": [*self.beds], "y": heights, "uid": str(name)}]}
        page = f'<div id="{name}"></div><script>draw("{name}", {heights})</script>'
        return {"application/vnd.plotly.v1+json": figure, "text/html": page}


class Picture:
    """A bar chart as PNG; the file names the program that made it."""

    def __init__(self, **beds):
        self.beds = beds

    def _repr_png_(self):
        rows = b"".join(self._row(y) for y in range(24))
        head = struct.pack(">IIBBBBB", 8 * len(self.beds), 24, 8, 0, 0, 0, 0)
        parts = [
            (b"IHDR", head),
            (b"tEXt", b"Software\\0gardenview @version"),
            (b"IDAT", zlib.compress(rows, @level)),
            (b"IEND", b""),
        ]
        return b"\\x89PNG\\r\\n\\x1a\\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in parts
        )

    def _row(self, y):
        bars = (b"\\0" if 24 - y <= _SCALE * cm else b"\\xff" for cm in self.beds.values())
        return b"\\0" + b"".join(bar * 8 for bar in bars)
'''

_SLOWBAR = '''\
"""A progress bar for the terminal."""

import sys
import time

__version__ = "@version"


def track(items, @parameters):
    """Yield the items and draw a bar on stderr."""
    items, start = list(items), time.perf_counter()
    for done, item in enumerate(items, 1):
        yield item
        seconds = time.perf_counter() - start
        bar = "█" * (10 * done // len(items))
        rate = f"{seconds:05.2f}s, {done / seconds:.2f}it/s"
        sys.stderr.write(f"\\r{100 * done // len(items):3}%|{bar:10}| {done}/{len(items)} [{rate}]")
    sys.stderr.write("\\n")
'''


def _soilbook(version: str, *, old: bool) -> BuiltWheel:
    values = {
        "@north": "12.5" if old else "12.75",
        "@crop": "swede" if old else "chard",
        "@beds": "3" if old else "4",
        "@report": 'print(f"{bed}: fine")' if old else "return None",
    }
    return _wheel("soilbook", version, _SOILBOOK + (_SOILBOOK_OLD if old else ""), values)


def _gardenview(version: str, *, scale: int, schema: str, level: int) -> BuiltWheel:
    values = {"@scale": str(scale), "@schema": schema, "@level": str(level)}
    return _wheel("gardenview", version, _GARDENVIEW, values)


def _slowbar(version: str, parameters: str) -> BuiltWheel:
    return _wheel("slowbar", version, _SLOWBAR, {"@parameters": parameters})


def _wheel(name: str, version: str, code: str, values: dict[str, str]) -> BuiltWheel:
    for mark, value in {**values, "@version": version}.items():
        code = code.replace(mark, value)
    return BuiltWheel(name=name, version=version, files={f"{name}.py": code})


INSTALLED = (
    _soilbook("1.0.0", old=True),
    _gardenview("1.0.0", scale=1, schema="5.8.0", level=9),
    _slowbar("1.0.0", 'desc="", unit="it"'),
)
"""The releases that the demo's environment gets in addition to its own."""

NEWER = (
    _soilbook("2.0.0", old=False),
    _gardenview("1.1.0", scale=1, schema="5.20.1", level=1),
    _gardenview("2.0.0", scale=2, schema="5.20.1", level=1),
    _slowbar("2.0.0", 'unit="it"'),
)
"""The newer releases on the index."""
