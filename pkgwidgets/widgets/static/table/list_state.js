// @ts-check
// What the list may claim: its states are computed here, for the kernel's list and for the server's alike.
// A number or "up to date" is shown only while it is known to be true: never while a check or a change runs.

import { agoText, countNoun } from "../formats.js";

/** @import {Row} from "./rows.js" */

/**
 * What the kernel or the server has sent so far.
 *
 * @typedef {object} Header
 * @property {string} [busy] what a running look-up does: "checking for updates, 10 of 138…"
 * @property {string} [changing] what a running change does: "Upgrading pandas"
 * @property {string} [checked] when the index was asked last, in ISO 8601
 *
 * @typedef {"reading" | "changing" | "checking" | "unchecked" | "unknown" | "current"} Phase
 * "unknown": the last check left rows without an answer. "current": every row has one.
 *
 * @typedef {object} ListState
 * @property {Phase} phase
 * @property {string} status the text beside the buttons
 * @property {boolean} isInstalledKnown whether the rows are what is installed
 * @property {boolean} areUpdatesKnown whether the rows have the answers of the last check
 * @property {number} unknownCount the rows without an answer
 */

// Whether the latest version of a row is not known for sure; a failed upgrade is another error.
/** @param {Row} row */
const isUnknown = ({ latest, error, failed, origin }) => origin === "index" && (!latest || (Boolean(error) && !failed));

/**
 * @param {Row[]} rows
 * @param {Header} header
 * @param {number} unknownCount
 * @returns {Phase}
 */
function phaseOf(rows, { busy, changing, checked }, unknownCount) {
  if (changing) return "changing";
  if (busy) return rows.length ? "checking" : "reading";
  if (!checked) return "unchecked";
  return unknownCount ? "unknown" : "current";
}

/**
 * Returns what the list may claim.
 *
 * @param {Row[]} rows all rows, also those that are not shown
 * @param {Header} header
 * @returns {ListState}
 */
export function listState(rows, header) {
  const unknownCount = rows.filter(isUnknown).length;
  const phase = phaseOf(rows, header, unknownCount);
  const status = {
    reading: header.busy, checking: header.busy, changing: "changing packages…", unchecked: "not checked yet",
  }[phase] ?? `checked ${agoText(Date.parse(header.checked ?? "") / 1_000)}`;
  return {
    phase, status, unknownCount,
    isInstalledKnown: phase !== "reading" && phase !== "changing",
    areUpdatesKnown: phase === "unknown" || phase === "current",
  };
}

/**
 * Returns the label of a chip: with a count if that is known, with "…" while it is being found out.
 *
 * @param {{ title: string, asked?: boolean }} chip `asked` tells that it needs answers of the index
 * @param {number} matchCount
 * @param {ListState} state
 */
export function chipLabel({ title, asked }, matchCount, { phase, isInstalledKnown, areUpdatesKnown }) {
  if (asked && phase === "unknown" && !matchCount) return title; // "Updates 0" would claim that there are none
  if (asked ? areUpdatesKnown : isInstalledKnown) return `${title} ${matchCount}`;
  return phase === "unchecked" ? title : `${title} …`;
}

/**
 * Returns a sentence about why no row is shown.
 *
 * @param {Row[]} rows all rows, also those that are not shown
 * @param {ListState} state
 * @param {boolean} onlyUpdates whether only rows with an update would be shown
 */
export function emptyText(rows, { phase, unknownCount }, onlyUpdates) {
  if (!rows.length) return phase === "reading" ? "Reading the packages…" : "No packages.";
  if (phase === "changing") return "Changing packages…";
  if (!onlyUpdates || rows.some(({ bump }) => bump)) return "No package matches.";
  if (phase === "checking") return "Checking for updates…";
  if (phase === "unchecked") return "Not checked for updates yet.";
  if (phase === "current") return "Everything is up to date.";
  return `No updates are known. The latest version of ${unknownCount} of ${countNoun(rows.length, "package")} is unknown.`;
}
