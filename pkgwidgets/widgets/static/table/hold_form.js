// @ts-check
// The form above the list that holds a package. The other side checks what is typed.

/** @import {Row} from "./rows.js" */
import { button, h, setText } from "../dom.js";
import { LABELS } from "../labels.js";

/**
 * Makes the form; it is hidden until it is opened. `send` gets what was typed; `onClosed` gives the focus away.
 *
 * @param {(hold: { names: string[], versions: string, reason: string, until: string }) => void} send
 * @param {(id: string) => void} onClosed
 */
export function makeHoldForm(send, onClosed) {
  const title = h("strong", { className: "pkgw-strong" });
  const field = (label, props) => {
    const input = h("input", { type: "text", className: "pkgw-input", ariaLabel: label, spellcheck: false, autocomplete: "off", ...props });
    return { input, node: h("label", { className: "pkgw-choice" }, h("span", { className: "pkgw-dim" }, label), input) };
  };
  const versions = field("Versions", { placeholder: "<3", size: 10 });
  const reason = field("Reason", { placeholder: "optional", maxLength: 200, size: 24 });
  const until = field("Until", { type: "date" });
  const hold = button(LABELS.holdNow, { className: "pkgw-main", onclick: submit });
  const cancel = button(LABELS.cancel, { onclick: close });
  const error = h("p", { className: "pkgw-note pkgw-bad", role: "alert" });
  const node = h("div", { hidden: true, role: "group", ariaLabel: "Hold a package" },
    h("div", { className: "pkgw-row pkgw-hold" }, title, versions.node, reason.node, until.node, hold, cancel), error);

  let id = "";
  let name = "";

  function submit() {
    if (hold.ariaDisabled === "true") return;
    hold.ariaDisabled = "true"; // until the answer
    send({ names: [name], versions: versions.input.value.trim(), reason: reason.input.value.trim(), until: until.input.value });
  }

  function close() {
    if (node.hidden) return;
    node.hidden = true;
    onClosed(id);
  }

  node.addEventListener("keydown", (event) => {
    event.stopPropagation(); // otherwise "/" goes to the filter
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && event.target !== cancel) submit();
    else return;
    event.preventDefault();
  });

  return {
    node,
    /** @param {Row} row */
    open(row) {
      ({ id, name } = row);
      setText(title, `Hold ${name}`);
      versions.input.value = `==${row.version}`;
      reason.input.value = "";
      until.input.value = "";
      hold.ariaDisabled = "false";
      setText(error);
      node.hidden = false;
      node.scrollIntoView?.({ block: "nearest" });
      versions.input.focus();
      versions.input.select();
    },
    /** Shows how holding the open package went: closed if there is no error. */
    settle(message) {
      if (message.id !== id || node.hidden) return Boolean(message.error);
      hold.ariaDisabled = "false";
      setText(error, message.error);
      if (!message.error) close();
      return false;
    },
  };
}
