"""Skip slow imports of jsonschema, for formats that no notebook has.

A part of other scripts, put before them as text.
"""

import sys

sys.modules.update(dict.fromkeys(["isoduration", "rfc3987_syntax"]))  # type: ignore[arg-type]
