"""Why JupyterHub refuses a user that it knows: the token of the user lacks a scope.

Source: https://jupyterhub.readthedocs.io/en/stable/rbac/scopes.html.
"""

from __future__ import annotations

from typing import Any

from pkgwidgets.core.text import escape_hidden

from .errors import RequestRefused

_MAX_NAME_CHARACTERS = 100


def missing_scope(handler: Any) -> RequestRefused | None:
    """Return the refusal for a request of a known user without access to this server.

    None if the request has no valid token of the hub, or the server belongs to no hub.
    """
    # The identity provider of JupyterHub keeps what the hub answered about the token.
    model = getattr(handler, "_cached_hub_user", None)
    hub = getattr(handler.identity_provider, "hub_auth", None)
    scopes = sorted(getattr(hub, "access_scopes", ()))
    if not isinstance(model, dict) or not scopes or handler.current_user is not None:
        return None
    name = escape_hidden(str(model.get("name", "")))[:_MAX_NAME_CHARACTERS]
    lacking = " or ".join(scopes)
    return RequestRefused(
        403, f"The token of {name} is valid, but lacks the scope {lacking}", tuple(scopes)
    )
