// @ts-check
// The form for a name and a version. What may be installed, and whether it fits, only the kernel knows.

/** @import {View} from "./dom.js" */
import { button, focusedIn, h, say, versionText } from "./dom.js";

const option = (choice) => h("option", { value: choice.version }, versionText(choice));

/** @param {View} view */
function render({ model, el }) {
  const title = h("h3", { className: "pkgw-title" }, "Install a package");
  const status = h("span", { className: "pkgw-dim", role: "status" });
  const close = button("×", { className: "pkgw-quiet pkgw-close", ariaLabel: "Close", onclick: shut });
  const name = h("input", {
    type: "text", className: "pkgw-input", placeholder: "Name, as in polars or polars>=1", ariaLabel: "Package to install",
    spellcheck: false, autocomplete: "off", autocapitalize: "none", onchange: look, oninput: forget,
  });
  const version = h("select", { ariaLabel: "Version", className: "pkgw-select" });
  const plan = button("Plan…", { className: "pkgw-main", onclick: ask });
  const remove = button("Uninstall…", { className: "pkgw-quiet", onclick: () => model.send({ type: "uninstall", name: form().name }) });
  const error = h("p", { className: "pkgw-note pkgw-bad", role: "alert" });
  const root = h("section", { className: "pkgw", ariaLabel: "Install" },
    h("div", { className: "pkgw-row pkgw-head" }, title, status, close),
    h("div", { className: "pkgw-row pkgw-form" }, name, version, plan, remove), error);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks for shortcuts before any listener of ours

  let open = false;
  let listed = ""; // what the versions in the drop-down were drawn from
  /** @type {HTMLElement | null} */
  let opener = null;

  const form = () => model.get("form") ?? {};
  const focused = () => focusedIn(el);

  function show() {
    const { name: given = "", installed = "", releases = null, busy = "", error: wrong = "" } = form();
    const before = open;
    open = Boolean(form().open);
    if (!before && open) opener = focused();
    if (!before && open) name.value = given;
    const hadFocus = root.contains(focused());
    el.classList.toggle("pkgw-hidden", !open);
    // Of the name that was looked up, and no other.
    const known = name.value.trim() === given ? installed : "";
    say(status, busy || (known ? `${known} is installed` : ""));
    drawVersions(given, releases);
    remove.hidden = !known;
    say(error, wrong);
    root.ariaBusy = String(Boolean(busy));
    settleFocus(before, hadFocus);
  }

  function drawVersions(given, releases) {
    const now = JSON.stringify([given, releases]);
    if (listed === now) return;
    listed = now;
    const first = h("option", { value: "" }, "Newest that fits");
    version.replaceChildren(first, ...(releases ?? []).map(option));
    version.disabled = !releases?.length;
  }

  function settleFocus(before, hadFocus) {
    if (!open && hadFocus && opener?.isConnected) opener.focus({ preventScroll: true });
    if (!before && open) requestAnimationFrame(() => name.focus());
  }

  function look() {
    if (name.value.trim()) model.send({ type: "releases", name: name.value });
  }

  function forget() {
    version.value = "";
    version.disabled = true;
    remove.hidden = true;
    say(status, "");
  }

  function ask() {
    model.send({ type: "plan", name: name.value, version: version.disabled ? "" : version.value });
  }

  function shut() {
    model.send({ type: "close" });
  }

  function onKey(event) {
    event.stopPropagation(); // the notebook has shortcuts of its own
    if (event.key === "Escape") shut();
    if (event.key === "Enter" && event.target === name) {
      event.preventDefault();
      ask();
    }
  }

  el.addEventListener("keydown", onKey);
  model.on("change:form", show);
  el.append(root);
  el.classList.add("pkgw-hidden");
  show();

  return () => {
    el.removeEventListener("keydown", onKey);
    model.off("change:form", show);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
