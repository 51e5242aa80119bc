"""The code of the invented projects; `@version` stands for the release that ships it.

The docstring of a module is also its project's summary. The modules are examples: each does
something that a cell can show, and shows it differently after an upgrade.
"""

SEEDSHELF = '''\
"""What is on the seed shelf, and when to sow it."""

__version__ = "@version"

_SHELF = {"bean": ("May", 60), "carrot": ("March", @carrot), "pumpkin": ("April", 110)}


def sow(seed):
    """Say when a seed wants to be sown and when it can be eaten."""
    month, days = _SHELF[seed]
    return f"{seed}: sow in {month}, eat after {days} days"


def main():
    """Print the whole shelf."""
    for seed in _SHELF:
        print(sow(seed))
'''

SEEDSHELF_MANUAL = """\
.TH SEEDSHELF 1
.SH NAME
seedshelf \\- list what is on the seed shelf
"""

SUNDRIFT = '''\
"""How many hours of sun a bed gets in a month."""

__version__ = "@version"

_HOURS = (2, 3, 4, 6, 7, 8, 8, 7, 5, 4, 2, 1)


def hours(month, shade=0):
    """Return the hours of sun on a day of that month (1 to 12), less the shaded part."""
    return round(_HOURS[month - 1] * (1 - shade), 1)
'''

SUNDRIFT_BEST_MONTH = '''

def best_month():
    """Return the sunniest month; new in 1.2."""
    return max(range(1, 13), key=hours)
'''

BEANPOLES = '''\
"""How many poles a row of beans needs."""

__version__ = "@version"


def poles(metres, apart=0.4):
    """Return the number of poles for a row of that length."""
    return int(metres / apart) + 1
'''

BEDPLANNER = '''\
"""Lays out the beds of an allotment."""

from .layout import plan

__version__ = "@version"
__all__ = ["plan"]
'''

BEDPLANNER_LAYOUT = '''\
"""One bed, row by row."""

from beanpoles import poles
from sundrift import hours


def plan(metres, month=6):
    """Describe a row of beans of that length."""
    return f"{metres} m, {poles(metres)} poles, {hours(month)} h of sun"
'''

BEDPLANNER_LAYOUT_BY_SUN = '''\
"""One bed, row by row."""

from beanpoles import poles
from sundrift import best_month, hours


def plan(metres, month=None):
    """Describe a row of beans of that length, in the sunniest month by default."""
    month = month or best_month()
    return f"{metres} m, {poles(metres)} poles, {hours(month)} h of sun in month {month}"
'''

FROSTCALL = '''\
"""Calls when the night will be too cold for seedlings."""

__version__ = "@version"


def frost_tonight(celsius):
    """Tell whether seedlings must come in."""
    return celsius < 2
'''

FROSTCALL_WITH_MARGIN = '''\
"""Calls when the night will be too cold for seedlings."""

__version__ = "@version"


def call(celsius, *, margin=2.0):
    """Say what to do tonight; replaces `frost_tonight` of 1.x."""
    return "bring them in" if celsius < margin else "leave them out"
'''

RAINTABLE = '''\
"""Rain by day, in a small table."""

__version__ = "@version"


class RainTable:
    """Millimetres of rain by day."""

    def __init__(self, **days):
        self.days = days

    def @total(self):
        """Return the millimetres of all days."""
        return sum(self.days.values())

    def __repr__(self):
        return "\\n".join(f"{day}  {'▮' * mm} {mm} mm" for day, mm in self.days.items())
'''

RAINTABLE_WETTEST = '''
    def wettest(self):
        """Return the day with the most rain; new in 2.4."""
        return max(self.days, key=self.days.get)
'''

ALLOTBOARD = '''\
"""A notice board for the allotment, made of tables."""

import raintable

__version__ = "@version"


def board(**days):
    """Return the notice of a week's rain."""
    rain = raintable.RainTable(**days)
    return f"{rain}\\n{'-' * 20}\\ntotal {@total} mm"
'''

COMPOST_LOG = '''\
"""What went on the compost heap, and how warm it is."""

__version__ = "@version"


class Heap:
    """A compost heap."""

    def __init__(self):
        self.litres = 0

    def add(self, litres):
        """Put something on the heap and return how much there is."""
        self.litres += @litres
        return self.litres
'''

HARVESTSCALE = '''\
"""Weighs the harvest."""

from ._scale import weigh

__version__ = "@version"
__all__ = ["weigh"]
'''

HARVESTSCALE_PURE = '''\
"""The scale, in Python."""


def weigh(*grams):
    """Return the kilograms of all that lies on the scale."""
    return sum(grams) / 1000
'''

HARVESTSCALE_NATIVE = '''\
"""The scale, in C: it wants a library that no wheel brings along."""

raise ImportError("libharvest.so.5: cannot open shared object file: No such file or directory")
'''

MOONSOWER = '''\
"""What the moon says about sowing."""

__version__ = "@version"


def phase(day):
    """Return the phase of the moon on a day of its month (0 to 29)."""
    return "🌑🌒🌓🌔🌕🌖🌗🌘"[round(day / 29.5 * 8) % 8]
'''

COLDFRAME = '''\
"""Opens and shuts a cold frame."""

__version__ = "@version"


def lid(celsius):
    """Say how the lid should be."""
    return "open" if celsius > 15 else "shut"
'''

DEWCATCHER = '''\
"""Measures the dew of a night."""

__version__ = "@version"


def litres(beds, cold=1.0):
    """Return the litres of dew that these beds catch."""
    return beds * 0.3 * cold
'''

SLUGTRAP = '''\
"""Promises to keep slugs away."""

__version__ = "@version"
'''
