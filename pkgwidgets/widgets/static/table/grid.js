// @ts-check
// The rows in view, and the keys that go from one to the next (ARIA Authoring Practices: grid).
// Rows are known by their ids here. `build(id, tr)` fills one; `press(id, what)` does what a key asks for.

import { focusedIn, h } from "../dom.js";
import { PARTS } from "./cells.js";

const BEYOND = 8; // rows drawn above and below those in view
const USUAL = { row: 36, view: 420 }; // pixels, as long as nothing is on the screen
const HEAD = "";

/**
 * Where rows are, in pixels. All are equally high but the open ones: `open` has their places and what they have more.
 *
 * @typedef {[place: number, pixels: number][]} Open
 */

/**
 * A part of a row that can have the focus: the `nth` in the cell of this key. The head's id is "".
 *
 * @typedef {{ id: string, key: string, nth: number }} Part
 */

/**
 * Returns how far down the row at a place begins.
 *
 * @param {number} place
 * @param {number} rowHeight
 * @param {Open} open
 */
export const topOf = (place, rowHeight, open) => open.reduce((sum, [at, pixels]) => sum + (at < place ? pixels : 0), place * rowHeight);

/**
 * Returns the place of the row, of `count`, that is so many pixels down.
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
 * Returns where the arrows stop in a row, from left to right: not at what is hidden, as in a narrow panel.
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
  let here = null;
  let rowHeight = USUAL.row;
  const drawn = new Map(); // id -> tr
  const lines = new Map(); // id -> pixels of the lines under an open row
  const focused = () => focusedIn(table);

  const opened = () => [...lines].filter(([id]) => isOpen(id) && places.has(id)).map(([id, pixels]) => [places.get(id), pixels]);
  const above = (place, open) => topOf(place, rowHeight, open);
  const rowAt = (pixels, open) => placeAt(pixels, shown.length, rowHeight, open);
  const room = () => (scroller.clientHeight || USUAL.view) - rowHeight; // the head stays on top
  const page = () => Math.max(1, Math.floor(room() / rowHeight) - 1);

  function wanted(open) {
    const first = Math.max(0, rowAt(scroller.scrollTop, open) - BEYOND);
    const last = rowAt(scroller.scrollTop + room(), open) + BEYOND;
    const ids = shown.slice(first, last + 1);
    // A row that has the focus stays: without it the next key would go to the notebook.
    const place = places.get(partOf(focused())?.id);
    if (place < first) ids.unshift(shown[place]);
    if (place > last) ids.push(shown[place]);
    return ids;
  }

  function draw() {
    const open = opened();
    const ids = wanted(open);
    const kept = new Set(ids);
    for (const [id, tr] of drawn) if (!kept.has(id)) drop(id, tr);
    let next = body.firstElementChild;
    for (const id of ids) {
      const tr = drawn.get(id) ?? add(id);
      if (tr === next) next = next.nextElementSibling;
      else body.insertBefore(tr, next);
    }
    settle(open);
    mark();
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

  // Puts the rows where they belong.
  function settle(open = opened()) {
    for (const [id, tr] of drawn) {
      const place = places.get(id);
      tr.style.top = `${above(place, open)}px`;
      tr.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    }
    body.style.height = `${above(shown.length, open)}px`;
    table.setAttribute("aria-rowcount", String(shown.length + 1));
  }

  // Sizes are known when rows are on the screen: the head's, and those of open rows.
  const sizes = new ResizeObserver((entries) => {
    const before = rowHeight;
    rowHeight = headRow.offsetHeight || rowHeight;
    const targets = entries.map(({ target }) => /** @type {HTMLElement} */ (target));
    for (const target of targets) {
      const { id } = target.dataset;
      if (id && target.offsetHeight) lines.set(id, Math.max(0, target.offsetHeight - rowHeight));
    }
    const moved = (target) => target === scroller || isOpen(target.dataset.id);
    if (before !== rowHeight || targets.some(moved)) draw();
    if (targets.some((target) => target.dataset.id === opening)) reveal(places.get(opening));
  });
  // A row that was opened is shown whole, also when more of it comes; until somebody looks elsewhere.
  let opening = null;
  for (const type of ["wheel", "keydown", "pointerdown"]) scroller.addEventListener(type, () => { opening = null; }, { passive: true });
  sizes.observe(scroller);
  sizes.observe(headRow);

  const rowOf = (id) => (id === HEAD ? headRow : drawn.get(id));

  // Names a part so that it is found again when its row was filled or drawn anew.
  function partOf(node) {
    const key = table.contains(node) && keyOf(node);
    if (!key) return null;
    const tr = node.closest("tr");
    return { id: tr.dataset.id ?? HEAD, key, nth: stops(tr).filter((part) => keyOf(part) === key).indexOf(node) };
  }

  function find({ id, key, nth }) {
    const all = stops(rowOf(id));
    const same = all.filter((part) => keyOf(part) === key);
    return same[nth] ?? same.at(-1) ?? all.find((part) => keyOf(part) === "name") ?? all[0];
  }

  // Tab leads to the part that was used last; if that is out of sight, to the first row.
  function mark() {
    unmark();
    if (!here || !rowOf(here.id)) here = shown.length ? { id: shown[rowAt(scroller.scrollTop, opened())], key: "name", nth: 0 } : null;
    const tr = here && rowOf(here.id);
    // Not on the screen yet, nothing has a place in it.
    const stop = here && tr && (find(here) ?? tr.querySelector("[name=detail]"));
    if (stop) stop.tabIndex = 0;
  }

  function unmark() {
    for (const old of table.querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
  }

  function reveal(place) {
    const open = opened();
    const [top, bottom] = [above(place, open), above(place + 1, open)];
    if (bottom > scroller.scrollTop + room()) scroller.scrollTop = bottom - room();
    if (top < scroller.scrollTop) scroller.scrollTop = top;
  }

  function focus(target) {
    if (target.id !== HEAD) reveal(places.get(target.id));
    draw(); // the row that is left stays until the focus is in the new one
    if (!rowOf(target.id)) return;
    find(target)?.focus({ preventScroll: true });
    rowOf(target.id).scrollIntoView({ block: "nearest", inline: "nearest" }); // the notebook scrolls, too
  }

  // To the row at a place, or to the one that is nearest to it; the head is before the first.
  function go(place, part = here) {
    const { key, nth } = part ?? { key: "name", nth: 0 };
    const at = Math.max(-1, Math.min(shown.length - 1, place));
    focus({ id: at < 0 ? HEAD : shown[at], key: key === "detail" ? "name" : key, nth });
  }

  function sideways(choose) {
    if (!here) return;
    const all = stops(rowOf(here.id));
    const at = Math.max(0, Math.min(all.length - 1, choose(all.indexOf(find(here)), all.length)));
    all[at]?.focus({ preventScroll: true });
  }

  const KEYS = {
    ArrowDown: (place) => go(place + 1),
    ArrowUp: (place) => go(place - 1),
    PageDown: (place) => go(place + page()),
    PageUp: (place) => go(Math.max(0, place - page())),
    ArrowRight: () => sideways((at) => at + 1),
    ArrowLeft: () => sideways((at) => at - 1),
    Home: (_, all) => (all ? go(0) : sideways(() => 0)),
    End: (_, all) => (all ? go(shown.length - 1) : sideways((_at, count) => count - 1)),
  };

  // Returns whether the key is one of ours. Buttons, links and boxes know Enter and Space themselves.
  function obey({ key, ctrlKey, metaKey, altKey, shiftKey, target }) {
    const id = here?.id ?? HEAD;
    const inRow = places.has(id);
    if (!here || altKey || shiftKey) return false;
    if (target.matches("select") && !["ArrowLeft", "ArrowRight", "Escape"].includes(key)) return false; // it has keys of its own
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
    if (obey(event)) event.preventDefault();
  });
  table.addEventListener("focusin", ({ target }) => {
    here = partOf(target) ?? here;
    mark();
  });
  scroller.addEventListener("scroll", draw, { passive: true });

  return {
    // Shows these rows in this order. What had the focus keeps it; if it is gone, its neighbour gets it.
    show(ids) {
      const held = partOf(focused());
      const place = places.get(held?.id);
      shown = ids;
      places = new Map(ids.map((id, i) => [id, i]));
      draw();
      if (!held || table.contains(focused())) return;
      if (rowOf(held.id)) find(held)?.focus({ preventScroll: true });
      else go(place, held);
    },
    // Fills some rows again, if they are drawn.
    refresh(ids) {
      const held = partOf(focused());
      unmark();
      for (const id of ids) if (drawn.has(id)) build(id, drawn.get(id));
      settle();
      mark();
      if (held && !table.contains(focused())) find(held)?.focus({ preventScroll: true });
    },
    drawn: () => [...drawn.keys()],
    expose(id) {
      opening = id;
    },
    toTop() {
      scroller.scrollTop = 0;
      draw();
    },
    enter: () => go(0, { id: HEAD, key: "name", nth: 0 }),
    stop: () => sizes.disconnect(),
  };
}
