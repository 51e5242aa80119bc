"""A moving picture, made of the pages of a front end."""

from __future__ import annotations

import io
from pathlib import Path

from jupyterlab_server import ARTEFACTS
from PIL import Image
from playwright.sync_api import Locator, Page

_CAPTION = """([text, note]) => {
  const bar = document.getElementById("caption") ?? document.createElement("div");
  bar.id = "caption";
  bar.textContent = text;
  bar.style.cssText = `position: fixed; inset: auto 0 0 0; z-index: 99999; padding: 10px 16px;
    background: #1a4b8c; color: white; font: 600 19px/26px sans-serif;
    display: flex; justify-content: space-between;`;
  const small = document.createElement("span");
  small.textContent = note;
  small.style.cssText = "font-weight: 400; font-size: 15px; opacity: 0.9;";
  bar.append(small);
  document.body.append(bar);
}"""
_MARK = "(node) => { node.style.outline = '3px solid #f57c00'; node.style.outlineOffset = '2px'; }"
_UNMARK = "(node) => { node.style.outline = ''; node.style.outlineOffset = ''; }"


class MovingPicture:
    """The frames of a story: each a page with a caption, and what is pressed next.

    `note` is in each caption.
    """

    def __init__(self, page: Page, *, note: str) -> None:
        self._page = page
        self._note = note
        self.frames: list[Image.Image] = []

    def take(self, caption: str, pressed_next: Locator | None = None) -> None:
        """Add the page as it is now, with an outline around what is pressed next."""
        self._page.evaluate(_CAPTION, [caption, self._note])
        if pressed_next is not None:
            pressed_next.evaluate(_MARK)
        self._page.mouse.move(0, 0)
        self._page.wait_for_timeout(400)  # colours change slowly
        shot = self._page.screenshot(animations="disabled")
        if pressed_next is not None:
            pressed_next.evaluate(_UNMARK)
        self.frames.append(Image.open(io.BytesIO(shot)).convert("RGB"))

    def save(self, name: str, *, seconds: float) -> Path:
        """Save the frames as one animated WebP, and each as a PNG; return the first's path."""
        ARTEFACTS.mkdir(exist_ok=True)
        for number, frame in enumerate(self.frames, 1):
            frame.save(ARTEFACTS / f"{name}-{number}.png")
        file = ARTEFACTS / f"{name}.webp"
        first, *others = self.frames
        first.save(
            file,
            save_all=True,
            append_images=others,
            duration=round(1000 * seconds),
            loop=0,
            lossless=True,
            quality=100,
            method=6,
        )
        return file
