// As much of a page as the views need to build their nodes; what depends on layout, focus or events is tested in a browser.

class Text {
  constructor(text) {
    this.textContent = String(text);
  }
}

const PART = /^(?<tag>[a-z]+)|\.(?<cls>[\w-]+)|\[(?<attr>\w+)(?:=(?<value>[^\]]*))?\]|:not\((?<not>[^)]*)\)|:(?<state>disabled)/y;

// Whether a node matches a compound selector, as `button.pkgw-main:not([name=pick])`.
function matchesOne(node, selector) {
  for (let at = 0; at < selector.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const found = PART.exec(selector)?.groups;
    if (!found) throw new Error(`not a selector that is known here: ${selector}`);
    const end = PART.lastIndex;
    const { tag, cls, attr, value, not, state } = found;
    const fits =
      (tag && node.localName === tag) ||
      (cls && node.className.split(" ").includes(cls)) ||
      (attr && (value === undefined ? Boolean(node[attr]) : node[attr] === value)) ||
      (not && !matchesOne(node, not)) ||
      (state && node[state] === true);
    PART.lastIndex = end;
    if (!fits) return false;
  }
  return true;
}

class Element {
  className = "";
  dataset = {};
  childNodes = [];

  constructor(tag) {
    this.localName = tag;
  }

  get children() {
    return this.childNodes.filter((node) => node instanceof Element);
  }

  get textContent() {
    return this.childNodes.map(({ textContent }) => textContent).join("");
  }

  set textContent(text) {
    this.childNodes = [new Text(text)];
  }

  focus() {}

  scrollIntoView() {}

  append(...nodes) {
    this.childNodes.push(...nodes.map((node) => (node instanceof Element ? node : new Text(node))));
  }

  replaceChildren(...nodes) {
    this.childNodes = [];
    this.append(...nodes);
  }

  matches(selectors) {
    return selectors.split(", ").some((selector) => matchesOne(this, selector));
  }

  querySelectorAll(selectors) {
    return this.children.flatMap((node) => [...(node.matches(selectors) ? [node] : []), ...node.querySelectorAll(selectors)]);
  }

  querySelector(selectors) {
    return this.querySelectorAll(selectors)[0] ?? null;
  }
}

globalThis.document = { createElement: (tag) => new Element(tag), getElementById: () => null };
