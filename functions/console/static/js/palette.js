// The palette: Ctrl-K opens it, typing filters what is in it, Enter goes there. A whole or begun run ID is looked up.
const Palette = (() => {
  const RUN_ID = /^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i;
  const BEGUN_ID = /^[0-9a-f][0-9a-f-]{7,35}$/i;
  const input = () => document.getElementById("palette-input");
  const list = () => document.getElementById("palette-list");
  const shown = () => [...list().children].filter((option) => !option.hidden);

  // A dialog that base.html has as a template; undefined on pages without one, as when signed out.
  function dialog(id) {
    const template = document.getElementById("dialogs");
    if (template && !document.getElementById(id)) document.body.append(template.content.cloneNode(true));
    return document.getElementById(id) ?? undefined;
  }

  // As a click on a link does, so that the page is swapped and its waiting shows.
  function go(href) {
    const link = document.createElement("a");
    link.href = href;
    link.hidden = true;
    link.textContent = href;
    document.querySelectorAll("dialog[open]").forEach((each) => each.close());
    document.body.append(link);
    if (!/^\/(local|outbox)$/.test(href)) htmx.process(link);
    link.click();
  }

  // The address of the run that was pasted; null for any other text.
  function runAddress(text) {
    return RUN_ID.test(text.trim()) ? `/runs/${text.trim().replace(/[{}]/g, "").toLowerCase()}` : null;
  }

  // How well an option fits the words: 0 for its beginning, 1 for a word's, 2 for a part, -1 for not at all.
  function fit(option, words) {
    const name = option.firstElementChild.textContent.toLowerCase();
    if (!words.every((word) => name.includes(word))) return -1;
    if (name.startsWith(words.join(" "))) return 0;
    return words.every((word) => name.startsWith(word) || name.includes(` ${word}`) || name.includes(`-${word}`)) ? 1 : 2;
  }

  function filter() {
    const text = input().value.trim();
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const search = document.getElementById("palette-search");
    const rest = [...list().children].filter((option) => option !== search);
    rest.forEach((option, index) => {
      option.dataset.order ??= index;
      option.fit = fit(option, words);
      option.hidden = option.fit < 0;
    });
    rest.sort((one, other) => one.fit - other.fit || one.dataset.order - other.dataset.order);
    const isId = BEGUN_ID.test(text);
    search.hidden = !text;
    search.dataset.href = runAddress(text) ?? `/search?text=${encodeURIComponent(text)}`;
    search.firstElementChild.textContent = isId ? `Open run ${text}` : `Search for “${text}”`;
    list().append(...(isId ? [search, ...rest] : [...rest, search]));
    document.getElementById("palette-none").hidden = shown().some((option) => option !== search);
    select(shown()[0]);
  }

  function select(option) {
    for (const each of list().children) each.setAttribute("aria-selected", String(each === option));
    input().setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const options = shown();
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    select(options[(at + step + options.length) % options.length]);
  }

  function open() {
    if (document.querySelector("dialog[open]") || !dialog("palette")) return;
    dialog("palette").showModal();
    input().value = "";
    input().focus();
    filter();
  }

  document.addEventListener("input", ({ target }) => { if (target.id === "palette-input") filter(); });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "palette-input") return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) move(step);
    else if (event.key === "Enter" && !event.isComposing) {
      const chosen = list().querySelector("[aria-selected='true']:not([hidden])");
      if (chosen) go(chosen.dataset.href);
    } else return;
    event.preventDefault();
  });
  document.addEventListener("click", ({ target }) => {
    const option = target.closest?.("#palette-list [role='option']");
    if (option) go(option.dataset.href);
    else if (target.closest?.("[data-palette]")) open();
    else if (target.matches?.("dialog.palette, dialog.shortcuts")) target.close(); // beside it
  });
  return { dialog, open, go, runAddress };
})();
