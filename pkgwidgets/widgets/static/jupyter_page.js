// @ts-check
// Actions on the page around the panel: on the widget manager's notebook (JupyterLab, Notebook 7), else by the server's REST API.

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
 * Returns the index of the panel's cell in the notebook; -1 if no cell shows it, for example when it is docked.
 *
 * @param {Model} model
 */
export function cellOf(model) {
  const home = model.get("home");
  const cells = notebookOf(model)?.model?.sharedModel?.cells ?? [];
  const showsPanel = (output) => output?.data?.[WIDGET]?.model_id === home;
  return home ? cells.findIndex((cell) => (cell.getOutputs?.() ?? cell.outputs ?? []).some?.(showsPanel)) : -1;
}

/**
 * Returns whether `save` can do more than nothing: the page has the notebook, and may write it.
 *
 * @param {Model} model
 */
export const canSave = (model) => Boolean(notebookOf(model)) && !notebookOf(model).model?.readOnly;

/** @param {Model} model */
export const canInsert = (model) => !notebookOf(model)?.model?.readOnly && cellOf(model) >= 0;

/**
 * Inserts a code cell below the panel's cell.
 *
 * @param {Model} model
 * @param {string} source
 */
export function insertBelow(model, source) {
  const cellIndex = cellOf(model) + 1;
  notebookOf(model).model.sharedModel.insertCell(cellIndex, { cell_type: "code", source, metadata: {} });
}

/**
 * Saves the notebook if the page allows it; returns whether the file still lacks changes.
 *
 * @param {Model} model
 */
export async function save(model) {
  const notebook = notebookOf(model);
  if (!notebook) return false;
  try {
    if (notebook.model.dirty) await notebook.save();
  } catch {
    // The notebook stays dirty, which the return value reports.
  }
  return Boolean(notebook.model.dirty);
}

/** @param {Model} model */
export async function restartKernel(model) {
  if (model.restart) return model.restart();
  const session = notebookOf(model)?.sessionContext;
  if (session?.restartKernel) return session.restartKernel();
  const { baseUrl, token } = config();
  const kernel = model.widget_manager?.kernel?.id || model.get("kernel");
  if (!kernel || !baseUrl) throw new Error("no server to ask");
  const headers = { "X-XSRFToken": /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "" };
  if (token) headers.Authorization = `token ${token}`;
  const response = await fetch(new URL(`${baseUrl}api/kernels/${kernel}/restart`, location.href), { method: "POST", headers });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
}

// The session of the panel's notebook, where the page lets the panel change its kernel.
function sessionOf(model) {
  const session = model.session ?? notebookOf(model)?.sessionContext;
  return session?.changeKernel ? session : null;
}

/** @param {Model} model */
export const canSwitchKernel = (model) => sessionOf(model) !== null;

/** @param {Model} model */
export const kernelNameOf = (model) => sessionOf(model)?.session?.kernel?.name ?? "";

/** @param {Model} model */
export const defaultKernelOf = (model) => sessionOf(model)?.specsManager?.specs?.default ?? "";

/**
 * Gives the panel's notebook another kernel, and ends the kernel that it had.
 *
 * @param {Model} model
 * @param {string} name of the kernel specification
 */
export async function switchKernel(model, name) {
  const session = sessionOf(model);
  if (!session) throw new Error("this page cannot change the kernel");
  await session.specsManager?.refreshSpecs?.(); // the page may not know a new one
  await session.changeKernel({ name });
}

/**
 * Removes a copy, as another environment of the server does.
 *
 * @param {Model} model
 * @param {string} name
 * @param {string} kernelspec a kernel of that other environment
 */
export const removeCopy = (model, name, kernelspec) => askOfCopy(model, "DELETE", name, kernelspec);

/**
 * Returns what runs in a copy, as texts, but for this notebook: other notebooks, also with this kernel, and other programs.
 *
 * @param {Model} model
 * @param {string} name
 * @param {string} kernelspec as for `removeCopy`
 */
export async function othersIn(model, name, kernelspec) {
  const own = sessionOf(model)?.session;
  const { running = [] } = await askOfCopy(model, "GET", name, kernelspec);
  const texts = running.flatMap(({ kernel, notebooks, name: program, process }) => {
    if (notebooks.length) return notebooks.filter((path) => kernel !== own?.kernel?.id || path !== own?.path);
    return kernel && kernel === own?.kernel?.id ? [] : [`${program} (process ${process})`];
  });
  return [...new Set(texts)];
}

// A request about a copy, answered by way of the environment of another kernel.
async function askOfCopy(model, method, name, kernelspec) {
  const { baseUrl, token, headers: more = {}, fetch: ask = fetch } = model.place ?? config();
  const headers = { ...more, "X-XSRFToken": /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "" };
  if (token) headers.Authorization = `token ${token}`;
  const path = `pkgwidgets/environments/${encodeURIComponent(name)}?kernelspec=${encodeURIComponent(kernelspec)}`;
  const response = await ask(new URL(path, new URL(baseUrl, location.href)).href, { method, headers, credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.message ?? `the server answered ${response.status}.`);
  return answer;
}

/**
 * Returns the page's commands, which ipylab gives access to; null without ipylab.
 *
 * @param {Model} model
 * @param {string} id the model id of ipylab's command registry, or ""
 */
export async function commandsOf(model, id) {
  const registry = id && (await Promise.race([model.widget_manager?.get_model?.(id), new Promise((resolve) => setTimeout(resolve, 3_000))]).catch(() => null));
  const commands = registry?._commands;
  return ["docmanager:open", "notebook:run-cell"].every((name) => commands?.hasCommand?.(name)) ? commands : null;
}

/**
 * Runs the panel's notebook up to the panel's cell; returns whether that worked. The page's commands act on the active notebook and cell, which
 * may have changed. So the panel's notebook is opened again and passed to them.
 *
 * @param {Model} model
 * @param {any} commands
 */
export async function runUpToPanel(model, commands) {
  const openOptions = { path: pathOf(model), factory: "Notebook" };
  const notebookPanel = await commands.execute("docmanager:open", openOptions).catch(() => null);
  const cellIndex = cellOf(model);
  if (notebookPanel?.context !== notebookOf(model) || !notebookPanel?.content?.extendContiguousSelectionTo || cellIndex < 0) return false;
  notebookPanel.content.deselectAll();
  notebookPanel.content.activeCellIndex = 0;
  notebookPanel.content.extendContiguousSelectionTo(cellIndex);
  await commands.execute("notebook:run-cell", { semanticWidget: notebookPanel.id, activate: false });
  return true;
}
