"""Take the folder of the script off the path: a part of scripts that are started by their path."""

import sys

del sys.path[0]
