"""Remove the script's folder from `sys.path`: a part of scripts that run by their path."""

import sys

del sys.path[0]
