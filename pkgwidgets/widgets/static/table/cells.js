// @ts-check
// The cells of a row of the list.

/** @import {Row} from "./rows.js" */
import { h, versionText } from "../dom.js";
import { agoNode } from "../formats.js";
import { LABELS, namedLabel } from "../labels.js";
import { moreInAll } from "./offers.js";
import { checkbox, clip, dim, fact, line, link, part, PARTS, warn } from "./parts.js";
import { suggestedVersion } from "./rows.js";
import { holdButtons, safetyLines, safetyMarks } from "./safety.js";

/**
 * @typedef {object} Detail the kernel's details of an open row
 * @property {string} [summary]
 * @property {string} [blocked_by]
 * @property {string} [error]
 * @property {number} [installed] seconds since 1970, or 0
 * @property {number} [upgraded] the same
 * @property {string} [path]
 * @property {string} [size]
 * @property {string} [license]
 * @property {boolean} [changeable]
 * @property {[string, string][]} [links] texts and addresses
 * @property {string[]} [requires]
 * @property {string[]} [required_by]
 * @property {{ version: string, note?: string, day?: string, pick?: boolean }[]} [versions] newest first
 * @property {string} [failed] why there are no versions
 * @property {string} [publisher] what the index says of the publishers of its releases
 * @property {boolean} [publisher_warns] whether that is a warning
 *
 * @typedef {object} DetailState
 * @property {boolean} readOnly
 * @property {Detail} [more]
 * @property {string} [picked] the version that was chosen
 * @property {boolean} [unfolded] whether long lists of names are shown whole
 * @property {string} [inAll] the version that an upgrade of everything takes it to
 */

const MAX_NAMES = 4; // listed in an open row before the others are counted
const FAILED_TEXT = "upgrade failed"; // the package itself is intact; an open row has the reason
const BOXED_BUTTON = "button:not(.pkgw-retry)";

// CSS lays out rows as grids, which removes the table roles unless they are set explicitly.
function makeCell(tag, role, key, children) {
  const node = h(tag, { className: `pkgw-cell pkgw-c-${key}`, role }, ...children);
  node.dataset.key = key;
  return node;
}

export const headCell = (key, ...children) => makeCell("th", "columnheader", key, children);

// A cell without interactive elements gets the focus itself.
function cell(key, ...children) {
  const node = makeCell("td", "gridcell", key, children);
  if (key === "detail" || !node.querySelector(PARTS)) node.tabIndex = -1;
  return node;
}

/**
 * @param {string} step
 * @param {string} [className]
 */
const stepBadge = (step, className = "") => step && h("span", { className: `pkgw-badge pkgw-${step} ${className}` }, step);

/**
 * The badge stands beside what it speaks of: the latest version, or the offer of another one.
 *
 * @param {Row} row
 * @param {boolean} readOnly
 */
function latestCell({ latest, bump, step, error, failed, origin }, readOnly) {
  if (!latest) return cell("latest", error && !failed ? warn("unknown") : origin !== "index" && dim(origin));
  const node = cell("latest", clip(latest), (readOnly || !step) && stepBadge(bump));
  if (bump) node.className += " pkgw-newer";
  return node;
}

/**
 * Returns the verb of a label and what follows it.
 *
 * @param {string} label
 */
function splitLabel(label) {
  const [verb] = label.split(/[ …]/);
  return [verb, label.slice(verb.length)];
}

// A name that is read aloud must contain what is seen, so "Upgrade to 2.3.3…" has the package in its middle.
function actionButton({ name, action, label }, spoken, title) {
  const [verb, rest] = splitLabel(label);
  const props = { className: `pkgw-${action}`, name: action, title };
  if (action === "explain") return part(label, { ...props, ariaLabel: spoken });
  if (!rest.startsWith(" ")) return part(label, { ...props, ariaLabel: namedLabel(label, name) });
  const node = part(verb, props);
  node.append(h("span", { className: "pkgw-sr" }, ` ${name}`), rest);
  return node;
}

// In a narrow panel it stands beside the name, else beside the button: `panel.css` shows one of the two.
/** @param {Row} row */
const failedMark = ({ failed, error }) => failed && clip(error && FAILED_TEXT, "pkgw-warn pkgw-flag pkgw-failed", error);

/**
 * @param {Row} row
 * @param {boolean} readOnly
 * @param {string} [inAll] the version that an upgrade of everything takes it to
 */
function actionCell(row, readOnly, inAll) {
  const { name, action, label, note, error, status } = row;
  const [verb, rest] = splitLabel(label);
  const spoken = action === "explain" ? `${label} ${name}` : `${verb} ${name}${rest.replace("…", "")}`; // "Upgrade pandas to 2.3.3"
  const isOffered = action && !(readOnly && action !== "retry");
  const noteText = note || (status.endsWith("ing") ? `${status}…` : "");
  const title = [spoken, moreInAll(row, inAll)].filter(Boolean).join(". ");
  const actionNode = isOffered ? actionButton(row, spoken, title) : noteText && clip(noteText, "pkgw-dim");
  const problem = failedMark(row) || warn(error);
  return cell("action", problem, error && actionNode && !actionNode.matches(BOXED_BUTTON) && dim("·"), actionNode, isOffered && stepBadge(row.step, "pkgw-step"));
}

/**
 * Returns the first few of many names, and a button that shows the rest.
 *
 * @param {string} label
 * @param {string[]} [all]
 * @param {boolean} [unfolded] whether all are shown
 */
export function names(label, all = [], unfolded = false) {
  if (!all.length) return null;
  const visibleCount = unfolded || all.length <= MAX_NAMES + 1 ? all.length : MAX_NAMES;
  const hiddenCount = all.length - visibleCount;
  const restButton = hiddenCount > 0 && part(`+${hiddenCount}`, { name: "unfold", className: "pkgw-quiet pkgw-rest", ariaLabel: `${label}: ${hiddenCount} more`, title: all.slice(visibleCount).join(", ") });
  return h("span", { className: "pkgw-fact" }, dim(label), " ", all.slice(0, visibleCount).join(", "), restButton && " ", restButton);
}

/**
 * @param {Row} row
 * @param {Detail} more
 * @param {string | undefined} picked
 */
function versionChoice(row, { versions, failed }, picked) {
  if (failed) return h("span", { className: "pkgw-warn", role: "status" }, failed);
  if (!versions) return h("span", { className: "pkgw-waiting", role: "status" }, h("span", { className: "pkgw-spinner", ariaHidden: "true" }), "loading versions…");
  if (!versions.length) return dim("the index has no version for this Python");
  const options = versions.map((option) => h("option", { value: option.version, selected: option.version === picked }, versionText(option)));
  return h("label", { className: "pkgw-choice" }, dim("Version"), h("select", { className: "pkgw-select", ariaLabel: `Version of ${row.name}`, tabIndex: -1 }, ...options));
}

/**
 * Returns the lines under an open row. They repeat the columns that a narrow panel hides; `more` has the kernel's details.
 *
 * @param {Row} row
 * @param {DetailState} state
 */
function detailCell(row, { readOnly, more = {}, picked, unfolded, inAll }) {
  const links = (more.links ?? []).map(link).filter(Boolean).flatMap((anchor, i) => (i ? [dim("·"), anchor] : [anchor]));
  const pickedVersion = picked ?? suggestedVersion(more);
  return cell("detail",
    h("div", { className: "pkgw-about" }, more.summary || row.summary, ...links),
    line(names("Requires", more.requires, unfolded), names("Required by", more.required_by, unfolded)),
    ...safetyLines(row, readOnly),
    line(more.publisher_warns ? warn(more.publisher) : dim(more.publisher)),
    line(fact("Blocked by", warn(more.blocked_by || row.blocked_by)), dim(moreInAll(row, inAll))),
    line(
      fact("Released", row.released && agoNode(row.released, ` (${row.latest})`)),
      fact("Installed", more.installed && agoNode(more.installed, row.requested ? ", requested" : "")),
      fact("Last upgraded", more.upgraded && agoNode(more.upgraded)),
      fact("Size", more.size),
      fact("License", more.license),
      fact("Origin", row.origin !== "index" && row.origin),
      fact("Loaded", row.loaded === row.version && "in this kernel"),
      fact("In", more.path)),
    row.loaded && row.loaded !== row.version && line(warn(`${row.loaded} is still loaded. Restart the kernel to use ${row.version}.`)),
    row.error && line(warn(more.error || row.error), row.failed && !readOnly && part(LABELS.dismiss, { name: "dismiss", className: "pkgw-quiet", ariaLabel: `Dismiss the note on ${row.name}` })),
    more.changeable && !readOnly && h("div", { className: "pkgw-more" },
      versionChoice(row, more, pickedVersion),
      Boolean(more.versions?.length) && part(LABELS.preview, { name: "pick", ariaLabel: `Preview the chosen version of ${row.name}`, ariaDisabled: String(pickedVersion === row.version) }),
      ...holdButtons(row),
      part(LABELS.uninstall, { name: "uninstall", className: "pkgw-quiet", ariaLabel: namedLabel(LABELS.uninstall, row.name) })));
}

/**
 * Returns the cells of a row.
 *
 * @param {Row} row
 * @param {DetailState & { checked: boolean, open: boolean }} state
 */
export function rowCells(row, { readOnly, checked, open, inAll, ...state }) {
  const disabled = readOnly || row.action !== "upgrade";
  const folding = { className: "pkgw-name", title: row.name, name: "detail", ariaExpanded: String(open) };
  return [
    cell("select", checkbox(`Select ${row.name}`, { checked, disabled, name: "select" })),
    cell("name", part(row.name, folding), failedMark(row), ...safetyMarks(row), row.loaded && h("span", { className: "pkgw-dim pkgw-loaded" }, "· loaded")),
    cell("version", clip(row.version)),
    latestCell(row, readOnly),
    cell("blocked", warn(row.blocked_by)),
    cell("released", row.released > 0 && h("span", { className: "pkgw-dim pkgw-clip" }, agoNode(row.released))),
    actionCell(row, readOnly, inAll),
    ...(open ? [detailCell(row, { readOnly, inAll, ...state })] : []),
  ];
}
