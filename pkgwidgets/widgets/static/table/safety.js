// @ts-check
// Advisories and holds in a row: a mark beside the name, and lines in the open row.

/** @import {Row} from "./rows.js" */
import { h } from "../dom.js";
import { LABELS } from "../labels.js";
import { dim, fact, line, link, part, warn } from "./parts.js";

/**
 * What is known of the advisories of an installed version.
 *
 * @typedef {object} Advisories
 * @property {number} count those that affect it; 0 if that is unknown for all
 * @property {{ id: string, severity: string, summary: string, link: string, error: string }[]} list
 * @property {number} more how many others there are
 * @property {string} safe the smallest safe version, or ""
 * @property {string} blocked_by what forbids the smallest release that no advisory affects
 *
 * @typedef {{ versions: string, text: string, held: boolean }} Limit a hold, or a setting of uv or pip
 */

/** @param {number} count */
const advisoryText = (count) => (count ? `${count} ${count === 1 ? "advisory" : "advisories"}` : "advisory unknown");

/** @param {Advisories} advisories */
function hoverText({ list, safe }) {
  const lines = list.map(({ id, severity, summary }) => [id, severity, summary].filter(Boolean).join(" · "));
  return [...lines, safe && `Safe version: ${safe}`].filter(Boolean).join("\n");
}

/** @param {Limit[]} limits */
const heldText = (limits) => limits.filter(({ held }) => held).map(({ versions, text }) => `held at ${versions} ${text}`).join("\n");

/**
 * Returns the marks beside the name of a row. The mark of a single advisory is its link.
 *
 * @param {Row} row
 */
export function safetyMarks({ advisories, limits }) {
  const held = heldText(limits);
  const marks = [];
  if (advisories) {
    const { count, list, more } = advisories;
    const text = advisoryText(count);
    const [only] = list.length === 1 && !more ? list : [];
    const node = (only && link([text, only.link])) || h("span", null, text);
    marks.push(Object.assign(node, { className: "pkgw-flag pkgw-advised", title: hoverText(advisories) }));
  }
  if (held) marks.push(h("span", { className: "pkgw-flag pkgw-dim", title: held }, "held"));
  return marks;
}

function advisoryLine({ id, severity, summary, link: address, error }) {
  const name = link([id, address]) ?? h("span", null, id);
  return line(fact("Advisory", name), severity && h("span", { className: "pkgw-badge" }, severity), summary, warn(error));
}

/**
 * @param {Row} row
 * @param {boolean} readOnly
 */
function stepLine({ name, advisories }, readOnly) {
  if (!advisories?.count) return null;
  const { safe, blocked_by: blockedBy } = advisories;
  const fix = part(LABELS.fix, { name: "fix", ariaLabel: `Fix ${name}: plan ${safe}` });
  if (safe) return line(fact("Safe version", safe), !readOnly && fix);
  return line(fact("Safe version", "none"), blockedBy && fact("It is blocked by", warn(blockedBy)));
}

function limitLine(name, { versions, text, held }, readOnly) {
  const release = part(LABELS.unhold, { name: "unhold", value: versions, className: "pkgw-quiet", ariaLabel: `Release ${name} ${versions}` });
  return line(fact(held ? "Held at" : "Limited to", versions), dim(text), held && !readOnly && release);
}

/**
 * Returns the lines of an open row about advisories and limits.
 *
 * @param {Row} row
 * @param {boolean} readOnly
 */
export function safetyLines(row, readOnly) {
  const { list = [], more = 0 } = row.advisories ?? {};
  return [
    ...list.map(advisoryLine),
    more > 0 && line(dim(`and ${more} more`)),
    stepLine(row, readOnly),
    ...row.limits.map((limit) => limitLine(row.name, limit, readOnly)),
  ];
}

/**
 * Returns the buttons of an open row that limit its versions.
 *
 * @param {Row} row
 */
export function holdButtons({ name, bump, latest }) {
  return [
    part(LABELS.hold, { name: "hold", className: "pkgw-quiet", ariaLabel: `Hold ${name}…` }),
    bump && part(LABELS.skip, { name: "skip", className: "pkgw-quiet", ariaLabel: `Skip this version of ${name}: ${latest}`, title: `No plan takes ${latest}. Later versions are offered again.` }),
  ];
}
