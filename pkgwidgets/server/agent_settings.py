"""The settings of the server for agents."""

from __future__ import annotations

from traitlets import Bool, Float
from traitlets.config import Configurable


class PkgwidgetsAgents(Configurable):
    """What agents may do. In `jupyter_server_config.py`: `c.PkgwidgetsAgents.ask_first = False`."""

    ask_first = Bool(
        True,
        help=(
            "Ask in JupyterLab before an agent changes packages or runs a notebook. Without the "
            "question, each process that reaches the port of the MCP server is trusted to do both: "
            "that server has no token."
        ),
    ).tag(config=True)
    answer_seconds = Float(
        120.0, min=1.0, help="Seconds in which the user must answer; after that it is a no."
    ).tag(config=True)
