"""A notebook server in this process. Its fixtures stay in this folder: they take over the loop."""

from pytest_jupyter.jupyter_server import *  # noqa: F403 - this is how its fixtures are had
