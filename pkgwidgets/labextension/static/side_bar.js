// @ts-check
// What the side bar shows: the packages of the active notebook's kernel, one place for each open notebook.

import { execute, findSubshell, isOwn, within } from "./kernel_messages.js";
import { showKernelPanel } from "./kernel_panel.js";
import { showNotebookLock } from "./notebook_lock.js";
import { noteOf, showRestPanel } from "./rest_way.js";
import { loadShared } from "./shared.js";
import { widen } from "./width.js";

const NO_NOTEBOOK = "Open a notebook to see the packages of its kernel.";
const OPENING = "Opening…";
const RESTARTED = "The kernel was restarted. Run your cells again.";
const FAILED = "The panel cannot be shown here. Display PackagePanel() in a cell.";
const READY_MILLISECONDS = 5_000;
const RESTARTING = new Set(["restarting", "autorestarting"]);

/** Fills the side bar, and follows the active notebook. */
export async function followNotebooks({ bar, tracker, scope, lumino, placeOf, onChanged = () => {} }) {
  addStyle();
  const outputarea = await loadShared(scope, "@jupyterlab/outputarea");
  const places = new Map();
  const empty = createPlace(lumino, null);
  empty.say(NO_NOTEBOOK);
  bar.addWidget(empty.host);

  function placeFor(notebook) {
    if (!notebook) return empty;
    if (!places.has(notebook)) {
      const place = createPlace(lumino, { notebook, outputarea, placeOf, isSeen: () => bar.isVisible && tracker.currentWidget === notebook, onChanged });
      places.set(notebook, place);
      bar.addWidget(place.host);
      notebook.disposed.connect(() => {
        places.delete(notebook);
        place.close();
      });
    }
    return places.get(notebook);
  }

  function show({ wide = false } = {}) {
    if (!bar.isVisible || bar.isDisposed) return;
    const shown = placeFor(tracker.currentWidget);
    for (const place of [empty, ...places.values()]) place.host.setHidden(place !== shown);
    if (wide) widen(bar);
    shown.fill();
  }

  tracker.currentChanged.connect(() => show());
  return { show };
}

// One notebook's part of the side bar. It is filled when it is first seen, and again when its kernel is another one.
function createPlace({ Panel, Widget }, of) {
  const host = new Panel();
  host.addClass("pkgw-side-place");
  const note = Object.assign(document.createElement("p"), { className: "pkgw-side-note" });
  note.setAttribute("role", "status");
  const noteWidget = new Widget({ node: note });
  host.addWidget(noteWidget);
  const lockNode = Object.assign(document.createElement("div"), { className: "pkgw-lock" });
  const lockWidget = new Widget({ node: lockNode });
  host.addWidget(lockWidget);
  const session = of?.notebook.sessionContext;
  const place = { host, fill, say, close };
  let turn = 0;
  let isStale = true;
  let filled = Promise.resolve(); // once what is being filled is shown
  /** @type {{ compare: () => void, end: () => void } | null} */
  let lock = null;
  /** @type {{ dispose: () => void, plan: (body: object) => void, checked: Promise<void> } | null} */
  let rest = null;

  function say(text) {
    note.textContent = text;
    note.hidden = !text;
  }

  function empty() {
    rest?.dispose();
    rest = null;
    for (const shown of host.widgets.filter((widget) => widget !== noteWidget && widget !== lockWidget)) shown.dispose();
  }

  function fill() {
    if (!of || !isStale) return filled;
    isStale = false;
    filled = fillNow();
    return filled;
  }

  async function fillNow() {
    const mine = ++turn;
    const isCurrent = () => mine === turn && !host.isDisposed;
    empty();
    say(OPENING);
    await within(READY_MILLISECONDS, session.ready);
    const kernel = session.session?.kernel;
    kernelId = kernel?.id ?? "";
    const { rendermime } = of.notebook.content;
    const reason = await showKernelPanel({ kernel, rendermime, host, outputarea: of.outputarea, memory: sessionStorage, isCurrent });
    if (!isCurrent()) return;
    shownReason = reason;
    showNote();
    if (reason) await fillOverRest(reason, isCurrent);
    await showLock(isCurrent);
    if (!rest) return of.onChanged();
    // The server has the rows to read first; a click does not wait for that.
    rest.checked.then(() => isCurrent() && of.onChanged());
  }

  function showNote() {
    say([wasRestarted && RESTARTED, noteOf(shownReason)].filter(Boolean).join(" "));
  }

  async function fillOverRest(reason, isCurrent) {
    const element = document.createElement("div");
    const widget = new Widget({ node: element });
    host.addWidget(widget);
    try {
      const opened = await showRestPanel(element, { ...of.placeOf(of.notebook), restart: () => session.restartKernel(), session }, reason);
      const dispose = () => {
        opened.dispose();
        widget.dispose();
      };
      if (isCurrent()) rest = { dispose, plan: opened.plan, checked: opened.checked };
      else dispose();
    } catch (error) {
      console.error(error);
      widget.dispose();
      if (isCurrent()) say(`${noteOf(reason)} ${FAILED}`);
    }
  }

  async function showLock(isCurrent) {
    if (lock) return lock.compare();
    const { createServer } = await import(new URL("./views/rest/server.js", import.meta.url).href);
    if (!isCurrent() || lock) return;
    lock = showNotebookLock(lockNode, { notebook: of.notebook, place: () => of.placeOf(of.notebook), isSeen: of.isSeen, restore, createServer });
  }

  // The plan opens where the packages are shown: in the panel of the kernel, or in that over REST.
  async function restore(text) {
    await filled; // the kernel may be another one meanwhile
    if (rest) return rest.plan({ restore: { text } });
    const kernel = session.session?.kernel;
    if (!kernel) return;
    const code = `__import__('pkgwidgets.widgets.side_panel', fromlist=['restore']).restore(${JSON.stringify(text)})`;
    execute(kernel, code, await findSubshell(kernel, sessionStorage).catch(() => ""));
  }

  function refill() {
    isStale = true;
    if (of.isSeen()) fill();
  }

  let kernelId = "";
  let shownReason = "";
  let wasRestarted = false; // until a cell is run
  let isRestarting = false;
  function onStatus(_, status) {
    const wasRestarting = isRestarting;
    isRestarting = RESTARTING.has(status);
    const hasRestarted = wasRestarting && !isRestarting;
    wasRestarted = hasRestarted || (wasRestarted && status !== "dead");
    if (status === "dead" || hasRestarted) refill();
  }

  function onMessage(_, message) {
    if (!wasRestarted || message.header.msg_type !== "execute_input" || isOwn(message)) return;
    wasRestarted = false;
    showNote();
  }

  // The session reports a restart as a change of the kernel, too.
  function onKernel(_, { newValue: kernel }) {
    wasRestarted &&= kernel?.id === kernelId;
    refill();
  }

  function close() {
    turn += 1;
    session?.kernelChanged.disconnect(onKernel);
    session?.statusChanged.disconnect(onStatus);
    session?.iopubMessage.disconnect(onMessage);
    lock?.end();
    empty();
    host.dispose();
  }

  session?.kernelChanged.connect(onKernel);
  session?.statusChanged.connect(onStatus);
  session?.iopubMessage.connect(onMessage);
  return place;
}

function addStyle() {
  const href = new URL("./side_bar.css", import.meta.url).href;
  if (!document.querySelector(`link[href="${href}"]`)) document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
}
