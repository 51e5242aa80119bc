// @ts-check
// The names of the buttons that the page makes. The documents use the same names; the kernel sends a few more (`labels.py`).

export const LABELS = {
  check: "Check for updates",
  upgradeAll: "Upgrade all…",
  upgradeSelected: "Upgrade selected…",
  install: "Install…",
  history: "History",
  preview: "Preview…",
  uninstall: "Uninstall",
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
 * Returns a label with a count: "Upgrade all (6)…"; without the count for 0.
 *
 * @param {string} label
 * @param {number} count
 */
export const countedLabel = (label, count) => (count ? label.replace("…", ` (${count})…`) : label);
