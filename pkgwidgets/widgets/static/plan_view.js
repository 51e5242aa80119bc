// @ts-check
// The plan, before anything is changed. Cancel is the default.

/** @import {View} from "./dom.js" */
import { withClicks } from "./clicks.js";
import { button, copy, focusedIn, foldButton, h, isFocusFree, listen, reveal, setText, strong } from "./dom.js";
import { canInsert, canSave, insertBelow } from "./jupyter_page.js";
import { LABELS } from "./labels.js";
import { planChecks } from "./plan_checks.js";

const KIND_WORDS = { install: "new", remove: "uninstalled", downgrade: "downgrade" };

function versionsCell({ before, after, kind, bump }) {
  const word = kind === "upgrade" ? bump : KIND_WORDS[kind];
  const badge = word && h("span", { className: `pkgw-badge pkgw-${word}` }, word);
  return h("td", null, before, before && after && " → ", after && strong(after), badge && " ", badge);
}

function changeRow(change) {
  const { name, size, why, requested } = change;
  return h("tr", null,
    h("th", { scope: "row", className: requested ? "pkgw-strong" : "" }, name),
    versionsCell(change),
    h("td", { className: "pkgw-dim pkgw-size" }, size),
    h("td", { className: requested ? "pkgw-why" : "pkgw-why pkgw-dim" }, why));
}

function changesTable(changes) {
  const heads = ["Package", "Version", "Size", "Why"].map((text) => h("th", { scope: "col" }, text));
  return h("table", { className: "pkgw-changes", ariaLabel: "Changes" },
    h("thead", { className: "pkgw-sr" }, h("tr", null, ...heads)),
    h("tbody", null, ...changes.map(changeRow)));
}

function heldBackNote({ versions, text, unlock }, onUnlock) {
  const unlockButton = unlock && button(unlock, { className: "pkgw-quiet", onclick: onUnlock });
  return h("p", { className: "pkgw-note" }, strong(versions), " ", text, unlockButton && " ", unlockButton);
}

// The equivalent commands for a terminal, folded away.
function commandsFold(commands) {
  const list = h("pre", { className: "pkgw-pre" }, commands.join("\n"));
  return h("div", { className: "pkgw-folded" }, foldButton(LABELS.commands, list), list);
}

const UNCHANGED_TEXT = "Nothing has been changed yet.";

// What the button does, in sight before it is pressed. The sentence of *Analyze* says that it only reads.
const SAVING_TEXT = "saves the notebook, then runs a copy of it with the new packages.";
const NOT_SAVING_TEXT = "runs a copy of the saved notebook with the new packages.";

/** @param {View} view */
function render({ model: widget, el }) {
  const model = withClicks(widget, el, "plan");
  const title = h("h3", { className: "pkgw-title" });
  const headline = h("span", { className: "pkgw-headline" });
  const status = h("span", { className: "pkgw-dim", role: "status" });
  const spinner = h("span", { className: "pkgw-spinner", ariaHidden: "true" });
  const body = h("div", { className: "pkgw-body" });
  const commandsBox = h("div");
  const minorOnly = h("input", { type: "checkbox", role: "switch", onchange: () => model.send({ type: "step", only_minor: minorOnly.checked }) });
  const stepSwitch = h("label", { className: "pkgw-switch" }, minorOnly, LABELS.minorOnly);
  const changeProject = h("input", { type: "checkbox", role: "switch", onchange: () => model.send({ type: "project", change: changeProject.checked }) });
  const projectSwitch = h("label", { className: "pkgw-switch" }, changeProject, LABELS.changeProject);
  // One line, whatever it says: a text that came and went would move the buttons.
  const cost = h("span", { className: "pkgw-dim pkgw-cost", role: "status" });
  const failure = h("p", { className: "pkgw-note pkgw-bad", role: "alert" });
  const checks = planChecks(model, el);
  const tryFirst = button(LABELS.rehearse, { className: "pkgw-rehearse", onclick: () => checks.isBusy() || checks.rehearse() });
  const rehearsalLine = h("p", { className: "pkgw-dim pkgw-hint" });
  const copyCell = button(LABELS.copyCell, { className: "pkgw-quiet pkgw-copy", onclick: onCopy });
  const copied = h("span", { className: "pkgw-sr", role: "status" });
  const cancel = button(LABELS.cancel, { className: "pkgw-decide", onclick: cancelPlan });
  const apply = button(LABELS.apply, { className: "pkgw-main", onclick: onApply });
  // Only this scrolls: the footer with the next button stays in sight.
  const content = h("div", { className: "pkgw-content", tabIndex: 0, role: "group", ariaLabel: "What would change" }, body, checks.rehearsal, checks.impact, commandsBox);
  const root = h("section", { className: "pkgw pkgw-plan", ariaLabel: "Plan" },
    h("div", { className: "pkgw-row pkgw-head" }, title, headline, spinner, status, stepSwitch, projectSwitch),
    content,
    failure,
    h("div", { className: "pkgw-row pkgw-foot" }, cost, copyCell, copied, tryFirst, cancel, apply),
    rehearsalLine);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab handles shortcuts before the panel's listeners run

  let state = "hidden";
  /** @type {HTMLElement | null} */
  let opener = null; // the element that had the focus before the plan opened
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const plan = () => model.get("plan") ?? {};
  const focused = () => focusedIn(el);

  function failedNote() {
    const { unlock } = plan();
    const unlockButton = unlock && button(unlock, { className: "pkgw-quiet", onclick: () => model.send({ type: "unlock" }) });
    return h("p", { className: "pkgw-note pkgw-bad", role: "alert" }, model.get("error"), unlockButton && " ", unlockButton);
  }

  function bodyNodes() {
    const { changes = [], held_back: heldBack = [], warnings = [], restart, word, others, empty } = plan();
    if (state === "failed") return [failedNote()];
    if (state !== "ready") return [];
    const notes = heldBack.map((item) => heldBackNote(item, () => model.send({ type: "unlock" })));
    notes.push(...warnings.map((text) => h("p", { className: "pkgw-note" }, text)));
    // The reason comes first: *Why blocked?* opens this view, too.
    if (empty) return [...notes, h("p", { className: "pkgw-empty" }, "There is nothing to change.")];
    if (restart || others) {
      const lead = restart && strong(`${word} afterwards:`);
      notes.push(h("p", { className: "pkgw-note" }, lead, restart && ` ${restart}`, restart && others && " ", others));
    }
    // Requested changes come first.
    const ordered = [...changes.filter((c) => c.requested), ...changes.filter((c) => !c.requested)];
    return [changesTable(ordered), ...notes];
  }

  function show() {
    const previousState = state;
    state = model.get("state") || "hidden";
    const hadFocus = root.contains(focused());
    if (previousState === "hidden" && state !== "hidden") opener = focused();

    el.classList.toggle("pkgw-hidden", state === "hidden");
    // The plan replaces the list: the one thing to decide is in sight.
    el.closest(".pkgw-panel")?.classList.toggle("pkgw-deciding", state !== "hidden");
    root.ariaBusy = String(state === "loading");
    const applicable = state === "ready" && !plan().empty;
    setText(title, plan().title ?? "");
    setText(headline, applicable ? plan().headline : "");
    setText(status, { loading: "making the plan…", ready: plan().empty ? "" : UNCHANGED_TEXT }[state] ?? "");
    content.hidden = state === "loading";
    const { minor_only: onlyMinor, project, changes = [] } = plan();
    // It is offered where it makes a difference, and stays while the other plan is made.
    stepSwitch.hidden = typeof onlyMinor !== "boolean" || (state !== "loading" && !onlyMinor && !changes.some(({ bump }) => bump === "major"));
    if (state === "loading" && previousState === "hidden") stepSwitch.hidden = true;
    minorOnly.checked = onlyMinor === true;
    projectSwitch.hidden = typeof project !== "boolean";
    changeProject.checked = project === true;
    spinner.hidden = state !== "loading";
    body.replaceChildren(...bodyNodes());
    commandsBox.replaceChildren(...(applicable && plan().commands?.length ? [commandsFold(plan().commands)] : []));
    copyCell.hidden = !applicable || !plan().cell;
    if (!timer) setText(copyCell, copyLabel());
    tryFirst.hidden = !applicable || plan().rehearsable === false;
    rehearsalLine.hidden = tryFirst.hidden;
    setText(rehearsalLine, `${LABELS.rehearse} ${canSave(model) ? SAVING_TEXT : NOT_SAVING_TEXT}`);
    for (const node of [checks.impact, checks.rehearsal]) node.classList.toggle("pkgw-hidden", state !== "ready");
    setText(cancel, applicable || state === "loading" ? LABELS.cancel : LABELS.close);
    apply.hidden = !applicable && state !== "loading";
    apply.disabled = !applicable;
    apply.ariaDisabled = null;
    showPreparation();
    if (previousState !== state || hadFocus) settleFocus(previousState, hadFocus);
  }

  // What is fetched and checked while the plan is read.
  function showPreparation() {
    const applicable = state === "ready" && !plan().empty;
    const { state: progress, text = "" } = model.get("preparation") ?? {};
    const shown = (kind) => (applicable && progress === kind ? text : "");
    setText(cost, shown("ready") || shown("working") || (applicable ? plan().footer ?? "" : ""));
    cost.title = cost.textContent;
    setText(failure, shown("failed"));
    failure.hidden = !shown("failed");
  }

  // Cancel is the default, but a plan that opens without a click must not take the focus from a cell in which the user types.
  function settleFocus(previousState, hadFocus) {
    if (state === "hidden") {
      if (hadFocus && opener?.isConnected) opener.focus({ preventScroll: true });
      return;
    }
    const isOpening = previousState === "hidden";
    if (!isFocusFree(el)) return;
    if (root.contains(focused()) && !focused()?.checkVisibility()) cancel.focus({ preventScroll: true });
    reveal(root);
    if (!isOpening && root.contains(focused())) return;
    // The view may not be in the page yet while it is being rendered.
    requestAnimationFrame(() => cancel.focus({ preventScroll: true }));
  }

  const copyLabel = () => (canInsert(model) ? LABELS.insertCell : LABELS.copyCell);

  async function onCopy() {
    const source = plan().cell ?? "";
    let text = "Inserted below";
    if (canInsert(model)) insertBelow(model, source);
    else text = (await copy(source)) ? "Copied" : "Copying failed";
    setText(copyCell, text);
    setText(copied, text);
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      setText(copyCell, copyLabel());
      setText(copied, "");
    }, 2_000);
  }

  function cancelPlan() {
    model.send({ type: "cancel" });
  }

  function onApply() {
    if (apply.ariaDisabled === "true") return; // once; the kernel answers with a new state
    apply.ariaDisabled = "true"; // not `disabled`: that would move the keyboard focus out of the panel
    model.send({ type: "apply", id: plan().id });
  }

  function onKey(event) {
    event.stopPropagation(); // otherwise the notebook's shortcuts run
    if (event.key !== "Escape") return;
    event.preventDefault();
    cancelPlan();
  }

  el.addEventListener("keydown", onKey);
  const stopPlanListener = listen(model, ["state", "plan", "error"], show);
  const stopRehearsalListener = listen(model, ["rehearsal"], () => (tryFirst.ariaDisabled = String(checks.isBusy())));

  const stopPreparationListener = listen(model, ["preparation"], showPreparation);

  el.append(root);
  el.classList.add("pkgw-hidden");
  show();

  return () => {
    el.removeEventListener("keydown", onKey);
    clearTimeout(timer);
    stopPlanListener();
    stopRehearsalListener();
    stopPreparationListener();
    checks.close();
    el.classList.remove("pkgw-hidden");
    el.closest(".pkgw-panel")?.classList.remove("pkgw-deciding");
    root.remove();
  };
}

export default { render };
