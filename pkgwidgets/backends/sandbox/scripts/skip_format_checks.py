"""Leave out what jsonschema would check in texts that no notebook has: it is slow to import.

A part of other scripts, put before them as text.
"""

import sys

sys.modules.update(dict.fromkeys(["isoduration", "rfc3987_syntax"]))  # type: ignore[arg-type]
