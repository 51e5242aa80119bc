// @ts-check
// The panel for a kernel that cannot show it: without pkgwidgets, busy, or dead. The same views, with the server on their other side.

/** @import {Place} from "./rest/server.js" */
import copyView from "./copy_view.js";
import { h } from "./dom.js";
import historyView from "./history_view.js";
import installForm from "./install_form.js";
import planView from "./plan_view.js";
import progressView from "./progress_view.js";
import { copySide } from "./rest/copy_side.js";
import { historySide } from "./rest/history_side.js";
import { listSide } from "./rest/list_side.js";
import { formSide, planSide } from "./rest/plan_side.js";
import { createServer } from "./rest/server.js";
import { taskSide } from "./rest/task_side.js";
import packageTable from "./table/table.js";
import { createViewModel } from "./view_model.js";

const SHEETS = ["panel.css", "plan.css", "views.css"];

// A shadow root has its own sheets. Resolves when they are there, so that nothing is seen without them.
function addSheets(node) {
  const root = node.getRootNode();
  const target = root instanceof ShadowRoot ? root : document.head;
  return Promise.all(SHEETS.map((name) => {
    const href = new URL(name, import.meta.url).href;
    if ([...target.querySelectorAll("link")].some((link) => link.href === href)) return null;
    const link = h("link", { rel: "stylesheet", href });
    const loaded = new Promise((resolve) => Object.assign(link, { onload: resolve, onerror: resolve }));
    target.append(link);
    return loaded;
  }));
}

async function showStyled(root) {
  await addSheets(root);
  root.hidden = false;
}

/**
 * Shows the panel in an element; `checked` resolves once the index has been asked. `restart` restarts the kernel where the page knows how; else the server does.
 *
 * @param {HTMLElement} element
 * @param {Place & { restart?: () => Promise<void>, session?: any }} options
 * @returns {{ checked: Promise<void>, refresh: () => void, plan: (body: object) => void, dispose: () => void }}
 */
export function openRestPanel(element, { restart, session, ...place }) {
  const server = createServer(place);
  const models = {
    table: createViewModel({ header: { title: "Packages", busy: "reading the packages…" }, rows: [], revision: 0, labels: {}, advisories: {}, holds: {} }),
    task: createViewModel({ task: {}, question: {}, kernel: place.kernelId ?? "", home: "" }),
    plan: createViewModel({ state: "hidden", plan: {}, error: "", impact: {}, rehearsal: {}, preparation: {}, home: "" }),
    form: createViewModel({ form: {} }),
    copy: createViewModel({ form: {} }),
    history: createViewModel({ entries: null, logs: {} }),
  };
  models.task.restart = restart ?? server.restartKernel;
  for (const model of [models.table, models.copy]) Object.assign(model, { session, place });

  // The buttons that plan are off while packages are changed.
  const showChanging = (changing) => [models.form, models.history].forEach((model) => model.set("changing", changing));

  const list = listSide(server, models.table, {
    onRunning: ({ id, title }) => task.join(id, title),
    onListed: () => history.refresh(),
    onOutdated: () => task.close(), // its outcome speaks of an older state
    isBusy: () => task.isRunning(),
  });
  const task = taskSide(server, models.task, {
    onStarted(title) {
      showChanging(true);
      list.showChanging(title || "Changing packages");
    },
    onFinished() {
      showChanging(false);
      list.refresh();
    },
    onRefused: (without) => plan.planWithout(without),
  });
  const plan = planSide(server, models.plan, { onOpen: () => task.close(), onApply: (id, title) => task.start(`plans/${id}`, title) });
  const form = formSide(server, models.form, plan.plan);
  const history = historySide(server, models.history, { onUndo: (id) => plan.plan({ undo: id }), onFailure: list.notify });
  const copy = copySide(server, models.copy);

  models.task.answer = (message) => task.answer(message);
  models.plan.answer = plan.answer;
  models.form.answer = form.answer;
  models.copy.answer = copy.answer;
  models.history.answer = (message) => (message.type === "copy" ? copy.open() : history.answer(message));
  models.table.answer = (message) => {
    const { type, names, version } = message;
    if (type === "plan") plan.plan({ ...message, type: undefined, names: undefined, upgrade: names ?? "all", version });
    else if (type === "fix") plan.plan({ fix: names ?? "all" });
    else if (type === "uninstall") plan.plan({ uninstall: names });
    else if (type === "install") form.open();
    else if (type === "history") history.open();
    else if (type === "copy") copy.open();
    else list.answer(message);
  };

  // In the order in which the panel of a kernel has them.
  const views = /** @type {const} */ ([[progressView, models.task], [planView, models.plan], [installForm, models.form], [copyView, models.copy], [historyView, models.history], [packageTable, models.table]]);
  const root = h("div", { className: "pkgw-panel", hidden: true });
  element.append(root);
  const cleanUps = views.map(([view, model]) => {
    const el = h("div", null);
    root.append(el);
    return view.render({ model, el });
  });
  showStyled(root);
  const checked = list.open();

  return {
    checked,
    refresh: () => list.refresh(),
    plan: (body) => plan.plan(body),
    dispose() {
      server.end();
      list.end();
      for (const cleanUp of cleanUps) cleanUp();
      root.remove();
    },
  };
}
