// @ts-check
// The names of the buttons that the page makes. The documents use the same names; the kernel sends a few more (`labels.py`).
// A name that ends in "…" asks or shows a plan first; a name without it acts at once. `tests/test_labels.py` has the table.

export const LABELS = {
  check: "Check for updates",
  upgradeAll: "Upgrade all…",
  upgradeSelected: "Upgrade selected…",
  install: "Install…",
  history: "History",
  preview: "Preview…",
  uninstall: "Uninstall…",
  dismiss: "Dismiss",
  fix: "Fix…",
  hold: "Hold…",
  holdNow: "Hold",
  unhold: "Release",
  skip: "Skip this version",
  apply: "Apply",
  minorOnly: "Minor and patch only",
  changeProject: "Change the project, too",
  cancel: "Cancel",
  close: "Close",
  commands: "Commands",
  log: "Log",
  details: "Details",
  rehearse: "Rehearse on this notebook",
  rehearseTyped: "Rehearse",
  cancelRehearsal: "Cancel rehearsal",
  upgradeWithoutBreaking: "Upgrade without breaking this notebook…",
  analyze: "Analyze",
  copyCell: "Copy as cell",
  insertCell: "Insert as cell",
  askRestart: "Restart kernel…",
  restart: "Restart kernel",
  restartAndRun: "Restart and run up to here",
  makeCopy: "Make my own copy…",
  copyNow: "Make the copy",
  cancelCopy: "Cancel the copy",
  switchKernel: "Switch this notebook to it",
  keep: "Keep it",
  throwAway: "Throw it away…",
  throwAwayNow: "Throw it away",
};

/**
 * Returns a label with a count: "Upgrade all (6)…"; without the count for 0, and "Upgrade all (6 of 7)…" if there are more.
 *
 * @param {string} label
 * @param {number} count
 * @param {number} [total]
 */
export const countedLabel = (label, count, total = 0) => (count ? label.replace("…", ` (${count}${total ? ` of ${total}` : ""})…`) : label);

/**
 * Returns a label with the name of what it acts on: "Undo pandas…".
 *
 * @param {string} label
 * @param {string} name
 */
export const namedLabel = (label, name) => label.replace(/…?$/, (mark) => ` ${name}${mark}`);
