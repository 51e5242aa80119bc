// @ts-check
// The extension: a command in the toolbar, the palette and the Kernel menu, and a side bar. What it shows is loaded when it is opened.

import { badgeText, countUpdates, hasQuestions } from "./badge.js";
import { keepLocks } from "./lock_watcher.js";
import { loadShared } from "./shared.js";

const COMMAND = "pkgwidgets:open";
const PLUGIN = "pkgwidgets:panel";
const BADGE_MILLISECONDS = 60_000; // the server answers from its cache
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16" height="16">' +
  '<path class="jp-icon3 jp-icon-selectable" fill="#616161" ' +
  'd="M12 1.6 3 6.4v11.2l9 4.8 9-4.8V6.4zm0 2.3 6.1 3.2L15.7 8.4 9.6 5.2zM7.5 6.3l6.1 3.2L12 10.4 5.9 7.1z' +
  'M5 8.9l6 3.2v7.5l-6-3.2zm14 0v7.5l-6 3.2v-7.5z"/></svg>';
const MARK =
  ".pkgw-has-updates .lm-TabBar-tabIcon{position:relative}.pkgw-has-updates .lm-TabBar-tabIcon::after{content:'';position:absolute;top:0;right:0;" +
  "width:7px;height:7px;border-radius:50%;background:var(--jp-brand-color1,#2196f3)}" +
  ".jp-Toolbar [data-command='pkgwidgets:open'] .jp-ToolbarButtonComponent-label{margin-left:4px}";

/** Returns where the server answers for a notebook. */
export function placeOf(notebook, { baseUrl, token }) {
  const { session, kernelPreference } = notebook.sessionContext;
  return { baseUrl, token, kernelId: session?.kernel?.id, kernelspec: kernelPreference?.name };
}

/** Keeps the number of known updates; `onChange` is called when it changes. */
export function createBadge(tracker, count, onChange) {
  const badge = { isOn: true, count: 0, update };
  let turn = 0;
  async function update() {
    const mine = ++turn;
    const notebook = tracker.currentWidget;
    const isShown = badge.isOn && notebook && document.visibilityState !== "hidden";
    const found = isShown ? await count(notebook) : badge.isOn ? badge.count : 0;
    if (mine !== turn || found === badge.count) return;
    badge.count = badge.isOn ? found : 0;
    onChange();
  }
  return badge;
}

/** @param {any} scope webpack's share scope */
export async function createPlugin(scope) {
  const names = ["@jupyterlab/notebook", "@jupyterlab/apputils", "@jupyterlab/settingregistry", "@jupyterlab/application", "@jupyterlab/ui-components", "@lumino/widgets"];
  const [{ INotebookTracker }, { ICommandPalette, IToolbarWidgetRegistry }, { ISettingRegistry }, { ILayoutRestorer }, { LabIcon, CommandToolbarButton }, lumino] = await Promise.all(
    names.map((name) => loadShared(scope, name)),
  );
  return {
    id: PLUGIN,
    description: "Shows the packages under a notebook's kernel.",
    autoStart: true,
    optional: [INotebookTracker, ICommandPalette, IToolbarWidgetRegistry, ISettingRegistry, ILayoutRestorer],
    activate(app, tracker, palette, toolbars, registry, restorer) {
      listenForQuestions(app, scope);
      const page = document.body.dataset.notebook; // Notebook 7 has a page for each kind of document
      if (!tracker || (page && page !== "notebooks")) return;
      const icon = new LabIcon({ name: "pkgwidgets:package", svgstr: ICON });
      // The factory of the schema's own items would leave out the label.
      toolbars?.addFactory("Notebook", "packages", () => new CommandToolbarButton({ commands: app.commands, id: COMMAND, args: { isToolbar: true } }));
      activate({ app, tracker, palette, restorer, icon, lumino, scope, registry });
    },
  };
}

const QUESTION = "https://pkgwidgets.invalid/events/question";

/** Asks the user what an agent asks, such as whether it may apply a plan. */
function listenForQuestions({ serviceManager, restored }, scope) {
  let dialogs;
  const load = () => {
    dialogs ??= import("./questions.js").then(({ createDialogs }) => createDialogs(scope, serviceManager.serverSettings));
    dialogs.catch(() => (dialogs = undefined)); // the next event tries again
    return dialogs;
  };
  serviceManager.events?.stream.connect(async (_, event) => {
    if (event.schema_id === QUESTION) (await load()).onEvent(event);
  });
  // A question may have been open before this page was.
  const showEarlier = async () => {
    await restored;
    if (await hasQuestions(serviceManager.serverSettings)) (await load()).showOpen();
  };
  showEarlier().catch(() => {});
}

function activate({ app, tracker, palette, restorer, icon, lumino, scope, registry }) {
  const place = (notebook) => placeOf(notebook, app.serviceManager.serverSettings);
  const bar = createBar(lumino.Panel, icon, async () => {
    const { followNotebooks } = await import("./side_bar.js");
    return followNotebooks({ bar, tracker, scope, lumino, placeOf: place, onChanged: badge.update });
  });
  const badge = createBadge(tracker, (notebook) => countUpdates(place(notebook)), () => {
    app.commands.notifyCommandChanged(COMMAND);
    bar.title.caption = ["Packages", badgeText(badge.count)].filter(Boolean).join(": ");
    bar.title.className = badge.count ? "pkgw-has-updates" : "";
  });
  const hasNotebook = () => tracker.currentWidget !== null;

  app.commands.addCommand(COMMAND, {
    label: ({ isToolbar, isMenu }) => (isMenu ? "Packages" : isToolbar ? ["Packages", badgeText(badge.count)].filter(Boolean).join(" · ") : "Open Packages"),
    caption: "See, upgrade and undo the packages of this notebook's kernel",
    icon: ({ isMenu }) => (isMenu ? undefined : icon),
    isEnabled: hasNotebook,
    execute: () => {
      app.shell.activateById(bar.id);
      bar.open(true);
    },
  });
  palette?.addItem({ command: COMMAND, category: "Kernel Operations" });

  document.head.append(Object.assign(document.createElement("style"), { textContent: MARK }));
  app.shell.add(bar, "right", { rank: 650, type: "Packages" });
  restorer?.add(bar, "pkgwidgets-panel");

  keepLocks(tracker, (notebook) => (work) => askServer(place(notebook), work));
  tracker.currentChanged.connect((_, notebook) => {
    app.commands.notifyCommandChanged(COMMAND);
    badge.update();
    notebook?.sessionContext.kernelChanged.connect(badge.update);
  });
  readSettings(app, registry, badge);
  setInterval(badge.update, BADGE_MILLISECONDS);
  document.addEventListener("visibilitychange", badge.update);
}

/** Asks the server for a notebook; returns null if it does not answer: nothing waits for that. */
async function askServer(place, work) {
  if (!place.kernelId && !place.kernelspec) return null;
  const { createServer } = await import(new URL("./views/rest/server.js", import.meta.url).href);
  const server = createServer(place);
  return work(server).catch(() => null).finally(() => server.end());
}

async function readSettings({ restored }, registry, badge) {
  await restored; // the number of updates can wait
  const settings = await registry?.load(PLUGIN).catch(() => null);
  const read = () => {
    badge.isOn = settings?.composite.badge ?? true;
    badge.update();
  };
  settings?.changed.connect(read);
  read();
}

/** Returns the side bar's widget; `load` is called when it is first seen, and returns what fills it. */
export function createBar(Panel, icon, load) {
  /** @type {Promise<any> | undefined} */
  let content;
  class PackagesBar extends Panel {
    // `wide`: a user opened it, so that it may take room.
    async open(wide = false) {
      const loading = (content ??= load());
      loading.catch(() => (content = undefined)); // the next click tries again
      const { show } = await loading;
      show({ wide });
    }

    onAfterShow() {
      this.open();
    }

    onAfterAttach() {
      if (this.isVisible) this.open();
    }
  }
  const bar = new PackagesBar();
  bar.id = "pkgwidgets-panel";
  bar.addClass("pkgw-side-bar");
  bar.node.setAttribute("role", "region");
  bar.node.setAttribute("aria-label", "Packages");
  Object.assign(bar.title, { icon, caption: "Packages", label: "" });
  return bar;
}
