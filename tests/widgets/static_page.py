"""The panel's views on a plain page, each with a model that holds what a kernel would send."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

from pkgwidgets.widgets.assets import STATIC, bundle

_DARK = {
    "--jp-layout-color1": "#111",
    "--jp-ui-font-color0": "#fff",
    "--jp-ui-font-color1": "#ffffffde",
    "--jp-ui-font-color2": "#ffffff8a",
    "--jp-border-color1": "#616161",
    "--jp-border-color2": "#424242",
    "--jp-brand-color1": "#64b5f6",
    "--jp-error-color1": "#e57373",
    "--jp-warn-color1": "#ffb74d",
    "--jp-success-color1": "#81c784",
    "--jp-info-color1": "#4dd0e1",
}
_MOUNT = """async ([views, dark]) => {
  document.body.dataset.jpThemeLight = String(!dark);
  const panel = document.body.appendChild(document.createElement("div"));
  panel.className = "pkgw-panel";
  for (const [source, traits] of views) {
    const blob = new Blob([source], { type: "text/javascript" });
    const { default: view } = await import(URL.createObjectURL(blob));
    const el = panel.appendChild(document.createElement("div"));
    const listeners = [];
    const model = {
      sent: [], get: (name) => traits[name], send: (message) => model.sent.push(message),
      on: (name, listener) => listeners.push([name, listener]), off: () => {},
    };
    view.render({ model, el });
    (window.models ??= []).push(model);
    const id = traits.rows?.find(({ bump }) => bump)?.name;
    if (id) {
      panel.querySelector(`tr[data-id="${id}"] [name=detail]`).click();
      const detail = { type: "detail", id, ...traits.detail };
      for (const [name, listener] of listeners) if (name === "msg:custom") listener(detail);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 150));
}"""


def show_views(page: Page, *views: tuple[str, dict[str, Any]], dark: bool = False) -> None:
    """Show views, each by its name and the traits of its model, on an empty page."""
    styles = "\n".join(
        (STATIC / f"{name}.css").read_text("utf-8") for name in ("panel", "plan", "views")
    )
    variables = "".join(f"{name}: {value};" for name, value in _DARK.items()) if dark else ""
    background = "#111" if dark else "#fff"
    page.set_content(
        f"<!doctype html><html lang=en><title>Panel</title><style>body {{ margin: 0;"
        f" background: {background}; {variables} }}\n{styles}</style><body></body></html>"
    )
    sent = [[bundle(name), json.loads(json.dumps(traits))] for name, traits in views]
    page.evaluate(_MOUNT, [sent, dark])
