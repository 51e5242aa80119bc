// @ts-check
// What the page around the panel can do: by the notebook that the widget manager belongs to (JupyterLab, Notebook 7), else over the server's REST.

/** @import {Model} from "./dom.js" */

const WIDGET = "application/vnd.jupyter.widget-view+json";

export function config() {
  try {
    return JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Model} model */
const notebookOf = (model) => model.widget_manager?.context ?? null;
/** @param {Model} model */
export const pathOf = (model) => notebookOf(model)?.path ?? "";

/**
 * Returns where the panel's cell is in the notebook; -1 if in none, as where it is docked.
 *
 * @param {Model} model
 */
export function cellOf(model) {
  const home = model.get("home");
  const cells = notebookOf(model)?.model?.sharedModel?.cells ?? [];
  const holds = (output) => output?.data?.[WIDGET]?.model_id === home;
  return home ? cells.findIndex((cell) => (cell.getOutputs?.() ?? cell.outputs ?? []).some?.(holds)) : -1;
}

/** @param {Model} model */
export const canInsert = (model) => !notebookOf(model)?.model?.readOnly && cellOf(model) >= 0;

/**
 * Puts a cell below the panel's.
 *
 * @param {Model} model
 * @param {string} source
 */
export function insertBelow(model, source) {
  const place = cellOf(model) + 1;
  notebookOf(model).model.sharedModel.insertCell(place, { cell_type: "code", source, metadata: {} });
}

/**
 * Saves the notebook where the page lets us; tells whether the file lacks something now.
 *
 * @param {Model} model
 */
export async function save(model) {
  const notebook = notebookOf(model);
  if (!notebook) return false;
  try {
    if (notebook.model.dirty) await notebook.save();
  } catch {
    // What is shown then is not in the file.
  }
  return Boolean(notebook.model.dirty);
}

/** @param {Model} model */
export async function restartKernel(model) {
  const session = notebookOf(model)?.sessionContext;
  if (session?.restartKernel) return session.restartKernel();
  const { baseUrl, token } = config();
  const kernel = model.widget_manager?.kernel?.id || model.get("kernel");
  if (!kernel || !baseUrl) throw new Error("no server to ask");
  const headers = { "X-XSRFToken": /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "" };
  if (token) headers.Authorization = `token ${token}`;
  const answer = await fetch(new URL(`${baseUrl}api/kernels/${kernel}/restart`, location.href), { method: "POST", headers });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
}

/**
 * Returns the page's own commands, which ipylab reaches; null without it.
 *
 * @param {Model} model
 * @param {string} id the model by which ipylab reaches them, or ""
 */
export async function commandsOf(model, id) {
  const found = id && (await Promise.race([model.widget_manager?.get_model?.(id), new Promise((done) => setTimeout(done, 3_000))]).catch(() => null));
  const commands = found?._commands;
  return ["docmanager:open", "notebook:run-cell"].every((name) => commands?.hasCommand?.(name)) ? commands : null;
}

/**
 * Runs the panel's notebook up to the panel's cell; tells whether it could. The page's commands act on what is in front and active, which may be
 * another notebook or cell by now: ours is brought back, and named to them.
 *
 * @param {Model} model
 * @param {any} commands
 */
export async function runUpToPanel(model, commands) {
  const open = { path: pathOf(model), factory: "Notebook" };
  const shown = await commands.execute("docmanager:open", open).catch(() => null);
  const place = cellOf(model);
  if (shown?.context !== notebookOf(model) || !shown?.content?.extendContiguousSelectionTo || place < 0) return false;
  shown.content.deselectAll();
  shown.content.activeCellIndex = 0;
  shown.content.extendContiguousSelectionTo(place);
  await commands.execute("notebook:run-cell", { semanticWidget: shown.id, activate: false });
  return true;
}
