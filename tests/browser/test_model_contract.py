"""The models of real widgets keep what the views rely on; Node.js runs the same on the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

CONTRACT = (Path(__file__).parent.parent / "js" / "model_contract.js").read_text("utf-8")
VIEW = """
async function render({ model, el }) {
  const fromOtherSide = (task) => model.send({ type: "set", task });
  const news = (message) => model.send({ type: "news", message });
  const sent = () => model.get("sent");
  const broken = await brokenPromises(model, { fromOtherSide, news, sent });
  el.append(`broken promises: ${JSON.stringify(broken)}`);
}
export default { render };
"""
CELL = """
import anywidget, traitlets

class Probe(anywidget.AnyWidget):
    _esm = {esm!r}
    task = traitlets.Dict().tag(sync=True)
    sent = traitlets.List().tag(sync=True)

    def __init__(self):
        super().__init__()
        self.on_msg(self.answer)

    def answer(self, _, message, __):
        if message["type"] == "set":
            self.task = message["task"]
        elif message["type"] == "news":
            self.send(message["message"])
        else:
            self.sent = [*self.sent, message]

Probe()
"""


def test_model_of_a_widget_keeps_the_promises(window: PanelNotebook, lab: Lab) -> None:
    esm = CONTRACT.replace("export async function", "async function") + VIEW
    window.switch_to(lab.write_new(CELL.format(esm=esm).strip()))
    window.run(0)
    expect(window.page.get_by_text("broken promises: []")).to_be_visible()
    lab.end_kernels()
