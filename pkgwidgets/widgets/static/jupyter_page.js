// What the page around the panel can do: by the notebook that the widget manager belongs to (JupyterLab, Notebook 7), else over the server's REST.

const WIDGET = "application/vnd.jupyter.widget-view+json";

function config() {
  try {
    return JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
  } catch {
    return {};
  }
}

const notebookOf = (model) => model.widget_manager?.context ?? null;
const pathOf = (model) => notebookOf(model)?.path ?? "";

// Where the panel's cell is in the notebook; -1 if in none, as where it is docked.
function cellOf(model) {
  const home = model.get("home");
  const cells = notebookOf(model)?.model?.sharedModel?.cells ?? [];
  const holds = (output) => output?.data?.[WIDGET]?.model_id === home;
  return home ? cells.findIndex((cell) => (cell.getOutputs?.() ?? cell.outputs ?? []).some?.(holds)) : -1;
}

const canInsert = (model) => !notebookOf(model)?.model?.readOnly && cellOf(model) >= 0;

function insertBelow(model, source) {
  const place = cellOf(model) + 1;
  notebookOf(model).model.sharedModel.insertCell(place, { cell_type: "code", source, metadata: {} });
}

// Saves the notebook where the page lets us; tells whether the file lacks something now.
async function save(model) {
  const notebook = notebookOf(model);
  if (!notebook) return false;
  try {
    if (notebook.model.dirty) await notebook.save();
  } catch {
    // What is shown then is not in the file.
  }
  return Boolean(notebook.model.dirty);
}

async function restartKernel(model) {
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

// The page's own commands, which ipylab reaches; null without it.
async function commandsOf(model, id) {
  const found = id && (await Promise.race([model.widget_manager?.get_model?.(id), new Promise((done) => setTimeout(done, 3_000))]).catch(() => null));
  const commands = found?._commands;
  return ["docmanager:open", "notebook:run-cell"].every((name) => commands?.hasCommand?.(name)) ? commands : null;
}

// Runs the panel's notebook up to the panel's cell; tells whether it could. The page's commands act on what is in front and active, which may be another
// notebook or cell by now: ours is brought back, and named to them.
async function runUpToPanel(model, commands) {
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
