// @ts-check
// The visible rows, and keyboard navigation between them (ARIA Authoring Practices: grid).
// Rows are identified by id. `build(id, tr)` fills a row; `press(id, actionName)` runs the action of a key.

import { focusedIn, h } from "../dom.js";
import { PARTS } from "./parts.js";

const MARGIN_ROWS = 8; // rows drawn above and below those in view
const DEFAULT_PIXELS = { row: 36, view: 420 }; // until the list is on the screen
const HEAD_ID = "";

/**
 * The places of the open rows, and their extra heights in pixels. All other rows are equally high.
 *
 * @typedef {[place: number, pixels: number][]} Open
 */

/**
 * A focusable part of a row: the `nth` in the cell with this key. The head's id is "".
 *
 * @typedef {{ id: string, key: string, nth: number }} Part
 */

/**
 * Returns the top of the row at a place, in pixels.
 *
 * @param {number} place
 * @param {number} rowHeight
 * @param {Open} open
 */
export const topOf = (place, rowHeight, open) => open.reduce((sum, [at, pixels]) => sum + (at < place ? pixels : 0), place * rowHeight);

/**
 * Returns the place of the row, of `count`, that is this many pixels down.
 *
 * @param {number} pixels
 * @param {number} count
 * @param {number} rowHeight
 * @param {Open} open
 */
export function placeAt(pixels, count, rowHeight, open) {
  let [low, high] = [0, Math.max(0, count - 1)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (topOf(middle, rowHeight, open) <= pixels) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Returns the parts of a row that the arrow keys reach, from left to right, without those that a narrow panel hides.
 *
 * @param {HTMLElement} tr
 * @returns {HTMLElement[]}
 */
function stops(tr) {
  const parts = [...tr.children].flatMap((cell) => [...(cell.hasAttribute("tabindex") ? [cell] : []), ...cell.querySelectorAll(PARTS)]);
  return /** @type {HTMLElement[]} */ (parts).filter((part) => part.checkVisibility({ visibilityProperty: true }));
}

/** @param {Element} node */
const keyOf = (node) => /** @type {HTMLElement | null} */ (node.closest("[data-key]"))?.dataset.key;

export function makeGrid({ scroller, table, headRow, body, build, isOpen, press }) {
  let shown = [];
  let places = new Map(); // id -> place in `shown`
  /** @type {Part | null} the one part that Tab reaches */
  let tabPart = null;
  let rowHeight = DEFAULT_PIXELS.row;
  const drawn = new Map(); // id -> tr
  const lines = new Map(); // id -> pixels of the lines under an open row
  const focused = () => focusedIn(table);

  const openRows = () => [...lines].filter(([id]) => isOpen(id) && places.has(id)).map(([id, pixels]) => [places.get(id), pixels]);
  const pixelsAbove = (place, open) => topOf(place, rowHeight, open);
  const rowAt = (pixels, open) => placeAt(pixels, shown.length, rowHeight, open);
  const roomHeight = () => (scroller.clientHeight || DEFAULT_PIXELS.view) - rowHeight; // the head is sticky
  const pageRows = () => Math.max(1, Math.floor(roomHeight() / rowHeight) - 1);

  function idsToDraw(open) {
    const first = Math.max(0, rowAt(scroller.scrollTop, open) - MARGIN_ROWS);
    const last = rowAt(scroller.scrollTop + roomHeight(), open) + MARGIN_ROWS;
    const ids = shown.slice(first, last + 1);
    // The focused row stays: without it the notebook would get the next key.
    const place = places.get(partOf(focused())?.id);
    if (place < first) ids.unshift(shown[place]);
    if (place > last) ids.push(shown[place]);
    return ids;
  }

  function draw() {
    const open = openRows();
    const ids = idsToDraw(open);
    const keptIds = new Set(ids);
    for (const [id, tr] of drawn) if (!keptIds.has(id)) drop(id, tr);
    let next = body.firstElementChild;
    for (const id of ids) {
      const tr = drawn.get(id) ?? add(id);
      if (tr === next) next = next.nextElementSibling;
      else body.insertBefore(tr, next);
    }
    positionRows(open);
    markTabStop();
  }

  function add(id) {
    const tr = h("tr", { className: "pkgw-line", role: "row" });
    tr.dataset.id = id;
    build(id, tr);
    drawn.set(id, tr);
    sizes.observe(tr);
    return tr;
  }

  function drop(id, tr) {
    sizes.unobserve(tr);
    tr.remove();
    drawn.delete(id);
  }

  // Positions the drawn rows.
  function positionRows(open = openRows()) {
    for (const [id, tr] of drawn) {
      const place = places.get(id);
      tr.style.top = `${pixelsAbove(place, open)}px`;
      tr.setAttribute("aria-rowindex", String(place + 2)); // the head is row 1
    }
    body.style.height = `${pixelsAbove(shown.length, open)}px`;
    table.setAttribute("aria-rowcount", String(shown.length + 1));
  }

  // The heights of the head and of open rows are known once they are on the screen.
  const sizes = new ResizeObserver((entries) => {
    const previousHeight = rowHeight;
    rowHeight = headRow.offsetHeight || rowHeight;
    const targets = entries.map(({ target }) => /** @type {HTMLElement} */ (target));
    for (const target of targets) {
      const { id } = target.dataset;
      if (id && target.offsetHeight) lines.set(id, Math.max(0, target.offsetHeight - rowHeight));
    }
    const isResized = (target) => target === scroller || isOpen(target.dataset.id);
    if (previousHeight !== rowHeight || targets.some(isResized)) draw();
    if (targets.some((target) => target.dataset.id === openingId)) {
      reveal(places.get(openingId));
      rowOf(openingId).scrollIntoView({ block: "nearest", inline: "nearest" }); // this scrolls the notebook, too
    }
  });
  // A newly opened row is scrolled into view whole, also when its details arrive, until the user scrolls or presses a key.
  let openingId = null;
  for (const type of ["wheel", "keydown", "pointerdown"]) scroller.addEventListener(type, () => { openingId = null; }, { passive: true });
  sizes.observe(scroller);
  sizes.observe(headRow);

  const rowOf = (id) => (id === HEAD_ID ? headRow : drawn.get(id));

  // Identifies a part so that it can be found again after its row was rebuilt.
  function partOf(node) {
    const key = table.contains(node) && keyOf(node);
    if (!key) return null;
    const tr = node.closest("tr");
    return { id: tr.dataset.id ?? HEAD_ID, key, nth: stops(tr).filter((part) => keyOf(part) === key).indexOf(node) };
  }

  function findPart({ id, key, nth }) {
    const all = stops(rowOf(id));
    const same = all.filter((part) => keyOf(part) === key);
    return same[nth] ?? same.at(-1) ?? all.find((part) => keyOf(part) === "name") ?? all[0];
  }

  // Tab reaches the part that was used last, or the first visible row if that part is not drawn.
  function markTabStop() {
    clearTabStop();
    if (!tabPart || !rowOf(tabPart.id)) tabPart = shown.length ? { id: shown[rowAt(scroller.scrollTop, openRows())], key: "name", nth: 0 } : null;
    const tr = tabPart && rowOf(tabPart.id);
    // Before the list is on the screen, no part is visible.
    const stop = tabPart && tr && (findPart(tabPart) ?? tr.querySelector("[name=detail]"));
    if (stop) stop.tabIndex = 0;
  }

  function clearTabStop() {
    for (const previousStop of table.querySelectorAll('[tabindex="0"]')) previousStop.tabIndex = -1;
  }

  function reveal(place) {
    const open = openRows();
    const [top, bottom] = [pixelsAbove(place, open), pixelsAbove(place + 1, open)];
    if (bottom > scroller.scrollTop + roomHeight()) scroller.scrollTop = bottom - roomHeight();
    if (top < scroller.scrollTop) scroller.scrollTop = top;
  }

  function focus(target) {
    if (target.id !== HEAD_ID) reveal(places.get(target.id));
    draw(); // the old row stays until the new one has the focus
    if (!rowOf(target.id)) return;
    findPart(target)?.focus({ preventScroll: true });
    rowOf(target.id).scrollIntoView({ block: "nearest", inline: "nearest" }); // this scrolls the notebook, too
  }

  // Focuses the row at a place, or the nearest one; the head is before the first.
  function focusPlace(place, part = tabPart) {
    const { key, nth } = part ?? { key: "name", nth: 0 };
    const at = Math.max(-1, Math.min(shown.length - 1, place));
    focus({ id: at < 0 ? HEAD_ID : shown[at], key: key === "detail" ? "name" : key, nth });
  }

  function focusSideways(choose) {
    if (!tabPart) return;
    const all = stops(rowOf(tabPart.id));
    const at = Math.max(0, Math.min(all.length - 1, choose(all.indexOf(findPart(tabPart)), all.length)));
    all[at]?.focus({ preventScroll: true });
  }

  const KEYS = {
    ArrowDown: (place) => focusPlace(place + 1),
    ArrowUp: (place) => focusPlace(place - 1),
    PageDown: (place) => focusPlace(place + pageRows()),
    PageUp: (place) => focusPlace(Math.max(0, place - pageRows())),
    ArrowRight: () => focusSideways((at) => at + 1),
    ArrowLeft: () => focusSideways((at) => at - 1),
    Home: (_, all) => (all ? focusPlace(0) : focusSideways(() => 0)),
    End: (_, all) => (all ? focusPlace(shown.length - 1) : focusSideways((_at, count) => count - 1)),
  };

  // Returns whether a key was handled. Buttons, links and boxes handle Enter and Space themselves.
  function handleKey({ key, ctrlKey, metaKey, altKey, shiftKey, target }) {
    const id = tabPart?.id ?? HEAD_ID;
    const inRow = places.has(id);
    if (!tabPart || altKey || shiftKey) return false;
    if (target.matches("select") && !["ArrowLeft", "ArrowRight", "Escape"].includes(key)) return false; // it handles its own keys
    if (Object.hasOwn(KEYS, key)) KEYS[key](inRow ? places.get(id) : -1, ctrlKey || metaKey);
    else if (key === "a" && (ctrlKey || metaKey)) press(null, "select");
    else if (!inRow) return false;
    else if (key === "Enter" && !target.matches("button, a")) press(id, "detail");
    else if (key === " " && !target.matches(PARTS)) press(id, "select");
    else if (key === "Escape" && isOpen(id)) press(id, "detail");
    else return false;
    return true;
  }

  table.addEventListener("keydown", (event) => {
    if (handleKey(event)) event.preventDefault();
  });
  table.addEventListener("focusin", ({ target }) => {
    tabPart = partOf(target) ?? tabPart;
    markTabStop();
  });
  scroller.addEventListener("scroll", draw, { passive: true });

  return {
    // Shows these rows in this order. The focused part keeps the focus; if it is gone, its neighbour gets it.
    show(ids) {
      const focusedPart = partOf(focused());
      const place = places.get(focusedPart?.id);
      shown = ids;
      places = new Map(ids.map((id, i) => [id, i]));
      draw();
      if (!focusedPart || table.contains(focused())) return;
      if (rowOf(focusedPart.id)) findPart(focusedPart)?.focus({ preventScroll: true });
      else focusPlace(place, focusedPart);
    },
    // Rebuilds rows that are drawn.
    refresh(ids) {
      const focusedPart = partOf(focused());
      clearTabStop();
      for (const id of ids) if (drawn.has(id)) build(id, drawn.get(id));
      positionRows();
      markTabStop();
      if (focusedPart && !table.contains(focused())) findPart(focusedPart)?.focus({ preventScroll: true });
    },
    drawn: () => [...drawn.keys()],
    expose(id) {
      openingId = id;
    },
    toTop() {
      scroller.scrollTop = 0;
      draw();
    },
    /** Focuses the name of a row, or of its neighbour. */
    focusName: (id) => focusPlace(places.get(id) ?? 0, { id, key: "name", nth: 0 }),
    enter: () => focusPlace(0, { id: HEAD_ID, key: "name", nth: 0 }),
    stop: () => sizes.disconnect(),
  };
}
