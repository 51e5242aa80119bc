// @ts-check
// The panel that runs in the kernel, displayed in the side bar as in a cell's output.

import { execute, findSubshell, within } from "./kernel_messages.js";

// Without pkgwidgets it displays nothing: an error would be formatted first, which takes longer than all the rest.
const CODE = "__import__('importlib.util').util.find_spec('pkgwidgets') and __import__('pkgwidgets.widgets.side_panel', fromlist=['show']).show()";
const START_MILLISECONDS = 10_000; // after this, a kernel that has not begun is busy with a cell
const VIEW_MILLISECONDS = 6_000; // after this, no widget manager will show the panel

/** Why the kernel cannot show the panel: the views over REST say it in their words. */
export const REASONS = /** @type {const} */ ({ none: "none", dead: "dead", busy: "busy", missing: "missing" });

const DEAD = new Set(["dead", "terminating"]);
const READY = new Set(["idle", "starting"]); // after a reload, the status of a busy kernel is unknown

/** Returns why a kernel cannot run anything, or "". */
export function refusalOf(kernel) {
  if (!kernel) return REASONS.none;
  return DEAD.has(kernel.status) ? REASONS.dead : "";
}

/**
 * Shows the panel in `host`. Returns "" once it is seen, else the reason, and leaves `host` unchanged.
 *
 * @param {{ kernel: any, rendermime: any, host: any, outputarea: any, memory: any, isCurrent: () => boolean }} place
 */
export async function showKernelPanel({ kernel, rendermime, host, outputarea, memory, isCurrent }) {
  const refusal = refusalOf(kernel);
  if (refusal) return refusal;
  const subshell = await findSubshell(kernel, memory).catch(() => "");
  if (!isCurrent()) return "";
  if (!subshell && !READY.has(kernel.status)) return REASONS.busy;
  const { SimplifiedOutputArea, OutputAreaModel } = outputarea;
  const area = new SimplifiedOutputArea({ model: new OutputAreaModel({ trusted: true }), rendermime });
  host.addWidget(area);
  const reason = await run(kernel, subshell, area).catch(() => refusalOf(kernel) || REASONS.busy);
  if (reason || !isCurrent()) area.dispose();
  return reason;
}

async function run(kernel, subshell, area) {
  const future = execute(kernel, CODE, subshell);
  let isDisplayed = false;
  const begun = new Promise((resolve) => {
    future.registerMessageHook(({ header }) => {
      if (header.msg_type !== "status") resolve(true);
      isDisplayed ||= header.msg_type === "display_data";
      return true;
    });
  });
  area.future = future;
  if (!(await within(START_MILLISECONDS, Promise.race([begun, future.done])))) return REASONS.busy;
  const reply = await future.done;
  if (reply.content.status !== "ok" || !isDisplayed) return REASONS.missing;
  return (await isSeen(area.node)) ? "" : REASONS.busy;
}

/** Returns whether the widget manager shows the panel in time: after a reload it may wait for the running cell. */
async function isSeen(node) {
  const look = () => node.querySelector(".pkgw-panel .pkgw") !== null;
  if (look()) return true;
  /** @type {MutationObserver | undefined} */
  let observer;
  const seen = new Promise((resolve) => {
    observer = new MutationObserver(() => look() && resolve(true));
    observer.observe(node, { childList: true, subtree: true });
  });
  const result = await within(VIEW_MILLISECONDS, seen);
  observer?.disconnect();
  return result === true;
}
