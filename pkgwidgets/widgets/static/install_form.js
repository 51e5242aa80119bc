// @ts-check
// The form for a name and a version. Only the kernel decides what can be installed.

/** @import {View} from "./dom.js" */
import { withClicks } from "./clicks.js";
import { button, focusedIn, h, setText, versionText } from "./dom.js";
import { LABELS } from "./labels.js";

const NO_NAMES = [];
const EVENTS = ["change:form", "change:changing"];
const TYPING_MILLISECONDS = 200; // without a key, after which names are looked for

const option = (choice) => h("option", { value: choice.version }, versionText(choice));

/** @param {View} view */
function render({ model: widget, el }) {
  const model = withClicks(widget, el, "form");
  const title = h("h3", { className: "pkgw-title" }, "Install a package");
  const status = h("span", { className: "pkgw-dim", role: "status" });
  const close = button("×", { className: "pkgw-quiet pkgw-close", ariaLabel: LABELS.close, onclick: sendClose });
  const name = h("input", {
    type: "text", className: "pkgw-input", placeholder: "Package name, e.g. polars or polars>=1", ariaLabel: "Package to install",
    spellcheck: false, autocomplete: "off", autocapitalize: "none", onchange: requestReleases, oninput: onTyped,
  });
  const suggestions = h("datalist", { id: `pkgw-names-${Math.random().toString(36).slice(2)}` });
  name.setAttribute("list", suggestions.id); // a property of an input that cannot be assigned
  const version = h("select", { ariaLabel: "Version", className: "pkgw-select" });
  const plan = button(LABELS.preview, { className: "pkgw-main", onclick: sendPlan });
  const remove = button(LABELS.uninstall, { className: "pkgw-quiet", onclick: () => isChanging() || model.send({ type: "uninstall", name: form().name }) });
  const summary = h("p", { className: "pkgw-brings pkgw-about" });
  const preview = h("p", { className: "pkgw-brings pkgw-dim", role: "status" });
  const error = h("p", { className: "pkgw-note pkgw-bad", role: "alert" });
  const root = h("section", { className: "pkgw", ariaLabel: "Install" },
    h("div", { className: "pkgw-row pkgw-head" }, title, status, close),
    h("div", { className: "pkgw-row pkgw-form" }, name, suggestions, version, plan, remove), summary, preview, error);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab handles shortcuts before the panel's listeners run

  let isOpen = false;
  let drawnNames = NO_NAMES;
  let drawnVersions = ""; // the JSON from which the drop-down was drawn
  /** @type {HTMLElement | null} */
  let opener = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  let plannedText = ""; // of the last plan; it may take the focus, and to leave the field then must not clear the reason why it failed

  const form = () => model.get("form") ?? {};
  const isChanging = () => Boolean(model.get("changing"));
  const focused = () => focusedIn(el);

  function show() {
    const { name: projectName = "", installed = "", releases = null, busy = "", error: errorText = "", brings = "", summary: about = "", suggestions: offered = NO_NAMES } = form();
    const wasOpen = isOpen;
    isOpen = Boolean(form().open);
    if (!wasOpen && isOpen) opener = focused();
    if (!wasOpen && isOpen) name.value = projectName;
    if (offered !== drawnNames) suggestions.replaceChildren(...offered.map((value) => h("option", { value })));
    drawnNames = offered;
    const hadFocus = root.contains(focused());
    el.classList.toggle("pkgw-hidden", !isOpen);
    // Valid only while the field still has the name that was looked up.
    const installedVersion = name.value.trim() === projectName ? installed : "";
    // Not `disabled`: that would move the keyboard focus out of the panel.
    for (const node of [plan, remove]) node.ariaDisabled = String(isChanging());
    setText(status, (isChanging() ? "packages are being changed…" : busy) || (installedVersion ? `${installedVersion} is installed` : ""));
    drawVersions(projectName, releases);
    remove.hidden = !installedVersion;
    setText(error, errorText);
    const isSame = name.value.trim() === projectName.trim();
    setText(summary, isSame ? about : "");
    setText(preview, isSame ? brings : "");
    root.ariaBusy = String(Boolean(busy));
    settleFocus(wasOpen, hadFocus);
  }

  function drawVersions(projectName, releases) {
    const versionsKey = JSON.stringify([projectName, releases]);
    if (drawnVersions === versionsKey) return;
    drawnVersions = versionsKey;
    const newestOption = h("option", { value: "" }, "Latest compatible");
    version.replaceChildren(newestOption, ...(releases ?? []).map(option));
    version.disabled = !releases?.length;
  }

  function settleFocus(wasOpen, hadFocus) {
    if (!isOpen && hadFocus && opener?.isConnected) opener.focus({ preventScroll: true });
    if (!wasOpen && isOpen) requestAnimationFrame(() => name.focus());
  }

  function requestReleases() {
    if (name.value.trim() && name.value !== plannedText) model.send({ type: "releases", name: name.value });
  }

  function onTyped() {
    plannedText = "";
    clearVersions();
    clearTimeout(typing);
    typing = setTimeout(() => model.send({ type: "suggest", text: name.value }), TYPING_MILLISECONDS);
  }

  function clearVersions() {
    version.value = "";
    version.disabled = true;
    remove.hidden = true;
    setText(summary, "");
    setText(preview, "");
    setText(status, "");
  }

  function sendPlan() {
    if (isChanging()) return;
    plannedText = name.value;
    model.send({ type: "plan", name: name.value, version: version.disabled ? "" : version.value });
  }

  function sendClose() {
    model.send({ type: "close" });
  }

  function onKey(event) {
    event.stopPropagation(); // otherwise the notebook's shortcuts run
    if (event.key === "Escape") sendClose();
    if (event.key === "Enter" && event.target === name) {
      event.preventDefault();
      sendPlan();
    }
  }

  el.addEventListener("keydown", onKey);
  for (const event of EVENTS) model.on(event, show);
  el.append(root);
  el.classList.add("pkgw-hidden");
  show();

  return () => {
    clearTimeout(typing);
    el.removeEventListener("keydown", onKey);
    for (const event of EVENTS) model.off(event, show);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
