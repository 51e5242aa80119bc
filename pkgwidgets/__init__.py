"""Look after the packages under a running notebook kernel: see, plan, upgrade, undo."""
