// What every view is made of. Names and reasons come from strangers, so text only ever becomes text nodes.

function h(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter(Boolean));
  return node;
}

const button = (text, className, onclick) => h("button", { type: "button", className, onclick }, text);
const strong = (text) => h("strong", null, text);

// Writes only what changed, so that nothing flickers and nothing is read aloud twice.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function listen(model, names, what) {
  for (const name of names) model.on(`change:${name}`, what);
  return () => names.forEach((name) => model.off(`change:${name}`, what));
}

// A button that shows and hides what is long; it says which of the two it did.
function folding(text, node, className = "pkgw-quiet pkgw-fold") {
  const fold = button(text, className, () => {
    node.hidden = !node.hidden;
    fold.ariaExpanded = String(!node.hidden);
  });
  node.hidden = true;
  fold.ariaExpanded = "false";
  return fold;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on plain http, or not allowed: the old way still works there.
    const area = h("textarea", { value: text, className: "pkgw-sr" });
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
    return copied;
  }
}
