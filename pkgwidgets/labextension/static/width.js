// @ts-check
// The width of the side bar: it opens at a width in which names and versions can be read.

const READABLE_PIXELS = 560;
const LARGEST_SHARE = 0.5; // of the window; the notebook keeps the other half

/**
 * Returns the sizes of parts, with the one at `index` at least as wide as `share`; null if it is.
 *
 * @param {number[]} sizes shares of the whole, whose sum is 1
 * @param {number} index
 * @param {number} share
 */
export function widenedSizes(sizes, index, share) {
  const missing = Math.min(share, LARGEST_SHARE) - sizes[index];
  if (missing <= 0) return null;
  const others = 1 - sizes[index];
  if (others <= missing) return null;
  return sizes.map((size, at) => (at === index ? size + missing : size - (missing * size) / others));
}

/** Widens the side bar that holds a widget, if it is too narrow to read. */
export function widen(widget) {
  for (let child = widget; child?.parent; child = child.parent) {
    const split = child.parent;
    if (typeof split.relativeSizes !== "function" || split.orientation !== "horizontal") continue;
    const sizes = widenedSizes(split.relativeSizes(), split.widgets.indexOf(child), READABLE_PIXELS / split.node.clientWidth);
    if (sizes) split.setRelativeSizes(sizes);
    return;
  }
}
