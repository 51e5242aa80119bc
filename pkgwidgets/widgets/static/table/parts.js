// @ts-check
// The small parts that cells and the lines of open rows are made of.

import { button, h } from "../dom.js";

export const PARTS = "button, input:not(:disabled), select, a[href]"; // the interactive elements of a cell

// Tab reaches one element of the list, the arrow keys reach the others.
export const part = (text, props) => button(text, { tabIndex: -1, ...props });
export const checkbox = (label, props) => h("input", { type: "checkbox", ariaLabel: label, tabIndex: -1, ...props });
export const bar = (name, ...children) => h("div", { className: `pkgw-row pkgw-${name}` }, ...children);
export const statusText = (name) => h("span", { className: `pkgw-dim pkgw-${name}`, role: "status" });
export const dim = (text) => text && h("span", { className: "pkgw-dim" }, text);
export const clip = (text, className = "", title = text) => text && h("span", { className: `pkgw-clip ${className}`, title }, text);
export const warn = (text) => clip(text, "pkgw-warn");

/**
 * Returns a link, or null: addresses may be hostile, so only http and https ones become links.
 *
 * @param {[string, string]} link
 */
export function link([text, address]) {
  const url = URL.canParse(address) && new URL(address);
  if (!url || !["http:", "https:"].includes(url.protocol)) return null;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer", tabIndex: -1, title: url.href }, text || url.host);
}

export const line = (...children) => children.some(Boolean) && h("div", null, ...children);
export const fact = (label, text) => text && h("span", { className: "pkgw-fact" }, dim(label), " ", text);
