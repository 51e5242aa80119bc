"""Tell which public names modules have, and their signatures; runs in a real environment."""

from __future__ import annotations

import importlib
import inspect
import json
import random
import sys
import sysconfig
import types
import warnings


def main() -> None:
    """Read the request from stdin and print the facts as one line of JSON."""
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    names = request["asked"]
    if names is None:
        names = sorted({name for module in request["modules"] for name in public_names(module)})
        random.Random(7).shuffle(names)
        names = sorted(names[: request["names"]])
    facts = {name: facts_of(name) for name in names}
    site = sysconfig.get_path("platlib")
    print("\n" + json.dumps({"site": site, "names": facts}))


def public_names(module_name: str) -> list[str]:
    """Return the public names of a module, and of the classes in it that it defines."""
    module = importlib.import_module(module_name)
    names = []
    for name in dir(module):
        value = getattr(module, name, None)
        if name.startswith("_") or type(value) is types.ModuleType:
            continue
        is_class = isinstance(value, type)
        origin = value.__module__ if is_class or isinstance(value, types.FunctionType) else ""
        if str(origin).partition(".")[0] in ("typing", "__future__"):
            continue
        names.append(f"{module_name}|{name}")
        if is_class:
            members = [m for m in vars(value) if not m.startswith("_")]
            names += [f"{module_name}|{name}|{member}" for member in members[:12]]
    return names


def facts_of(path: str) -> dict[str, object]:
    """Return whether a name is there, and its parameters as it is called; None if unknown."""
    module, *names = path.split("|")
    try:
        value: object = importlib.import_module(module)
        owner = None
        for name in names:
            owner, value = value, getattr(value, name)
    except Exception:
        return {"found": False, "parameters": None}
    is_plain = isinstance(owner, type) and isinstance(
        inspect.getattr_static(owner, names[-1], None), types.FunctionType
    )
    return {"found": True, "parameters": parameters_of(value, skip=is_plain)}


def parameters_of(value: object, *, skip: bool) -> list[tuple[str, str, str | None]] | None:
    """Return name, kind and default of each parameter; `skip` leaves out `self`."""
    if not callable(value):
        return None
    try:
        parameters = list(inspect.signature(value).parameters.values())[1 if skip else 0 :]
    except Exception:
        return None
    return [
        (p.name, p.kind.name, None if p.default is p.empty else repr(p.default)[:200])
        for p in parameters
    ]


if __name__ == "__main__":
    main()
