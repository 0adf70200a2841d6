// Filters kept under a name in this browser: #saved-filters of a list of runs.
(() => {
  const KEY = "saved-filters";
  const MAX_FILTERS = 10;
  const MAX_NAME = 40;

  function read() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      return found.filter(({ name, address }) => typeof name === "string" && /^\/dashboard\/[a-z]+\?/.test(address)).slice(0, MAX_FILTERS);
    } catch {
      return [];
    }
  }

  function write(filters) {
    try {
      localStorage.setItem(KEY, JSON.stringify(filters));
    } catch { /* a browser that keeps nothing */ }
    show();
  }

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // The address of the list as filtered, without the place in it.
  function here() {
    const query = new URLSearchParams(location.search);
    for (const name of ["before", "size"]) query.delete(name);
    return [...query].length ? `${location.pathname}?${query}` : "";
  }

  function chip({ name, address }, filters) {
    const link = make("a", { href: address, textContent: name });
    if (address === here()) link.setAttribute("aria-current", "true");
    const remove = make("button", { type: "button", className: "link", textContent: "×" });
    remove.setAttribute("aria-label", `Remove the saved filter ${name}`);
    remove.onclick = () => { write(filters.filter((each) => each.name !== name)); box()?.querySelector("input, button, a")?.focus(); };
    return make("li", {}, link, " ", remove);
  }

  function saveButton(filters) {
    const button = make("button", { type: "button", className: "small", textContent: "Save this filter" });
    button.onclick = () => {
      const form = saveForm(filters);
      button.replaceWith(form);
      form.querySelector("input").focus();
    };
    return button;
  }

  function saveForm(filters) {
    const name = make("input", { id: "saved-filter-name", maxLength: MAX_NAME, required: true });
    const label = make("label", { htmlFor: name.id, textContent: "Name" });
    const form = make("form", { className: "row" }, label, name, make("button", { className: "small", textContent: "Save" }));
    form.onsubmit = (event) => {
      event.preventDefault();
      event.stopPropagation();
      const saved = { name: name.value.trim(), address: here() };
      if (!saved.name) return;
      write([...filters.filter((each) => each.name !== saved.name), saved]);
      box()?.querySelector("li:last-child a")?.focus();
    };
    return form;
  }

  const box = () => document.querySelector("[data-saved]");

  function show() {
    const place = box();
    if (!place) return;
    const filters = read();
    const parts = [];
    if (filters.length) {
      const list = make("ul", { className: "filter-chips" }, ...filters.map((each) => chip(each, filters)));
      list.setAttribute("aria-label", "Saved filters");
      parts.push(make("span", { className: "muted", textContent: "Saved" }), list);
    }
    const isSaved = filters.some(({ address }) => address === here());
    if (here() && !isSaved) {
      const full = make("span", { className: "muted", textContent: `${MAX_FILTERS} filters are saved: remove one to save this one.` });
      parts.push(filters.length < MAX_FILTERS ? saveButton(filters) : full);
    }
    place.replaceChildren(...parts);
    place.hidden = !parts.length;
    htmx.process(place);
  }

  for (const event of ["DOMContentLoaded", "htmx:afterSettle"]) document.addEventListener(event, show);
})();
