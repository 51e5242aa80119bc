"""Root upgrades a package in a user's environment and is killed while uv works.

Exit 1: the owner sees nothing of it, or can never change the environment again.
"""

from __future__ import annotations

import sys

from shared_machine import ADA, ROOT, owners, shared_machine

KILL = """
import shutil, signal
from pkgwidgets.backends.installer import uv
def kill(self, argv, report, **more):
    shutil.rmtree(next(backend.environment.interpreter.prefix.glob("lib/*/site-packages/pea")))
    os.kill(os.getpid(), signal.SIGKILL)
uv.UvInstaller._run_and_report = kill
"""
UPGRADE = "apply.apply_plan(backend, planning.plan_upgrade(backend, 'pea'))\n"
faults = []
with shared_machine() as machine:
    machine.publish("1.0", "2.0")
    prefix = machine.environment("env", ADA)
    install = "apply.apply_plan(backend, planning.plan_install(backend, 'pea==1.0'))"
    assert machine.run(ADA, prefix, install).returncode == 0
    print("root is killed:", machine.run(ROOT, prefix, KILL + UPGRADE).returncode)
    seen = machine.run(ADA, prefix, "print(recovery.recover_if_needed(backend))")
    print("the owner recovers:", seen.stdout, seen.stderr[-300:])
    imported = machine.run_command(ADA, [str(prefix / "bin/python"), "-c", "import pea"])
    if imported.returncode:
        faults.append("the environment is broken, and its owner cannot recover it")
    again = machine.run(ADA, prefix, UPGRADE)
    if again.returncode:
        faults.append(f"the owner can no longer change it: {again.stderr[-300:]}")
    if owners(prefix) != {ADA.uid}:
        faults.append("something in it belongs to root")
print(faults)
sys.exit(bool(faults))
