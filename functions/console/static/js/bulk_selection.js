// The selection of rows in a list of runs, and filters that leave empty fields out of the address.
// The checkboxes belong to form#bulk. The selection survives a refresh, since live.js keeps changed checkboxes.
(() => {
  const form = () => document.getElementById("bulk");
  const boxes = () => [...document.querySelectorAll("[data-row]")].filter((box) => !box.closest("tr.gone"));
  const allPages = () => document.querySelector("[data-everything]");
  const verbs = { requeue: ["Requeue", ""], "run-now": ["Run", " now"], delete: ["Delete", ""] };

  const runs = (text) => `${text} run${text === "1" ? "" : "s"}`;

  function set(box, on) {
    box.checked = on;
    box.dataset.dirty = "yes";
  }

  function update() {
    const bar = form();
    if (!bar) return;
    const all = allPages()?.checked ?? false;
    const here = boxes();
    const chosen = here.filter((box) => box.checked).length;
    const page = document.querySelector("[data-page]");
    page.hidden = false;
    page.checked = chosen > 0 && chosen === here.length;
    page.indeterminate = chosen > 0 && chosen < here.length;
    page.dataset.dirty = "yes";
    const text = all ? "All matching runs are selected" : chosen ? `${runs(chosen.toLocaleString("en"))} selected` : "Select runs for a bulk action";
    const output = bar.querySelector("[data-chosen]");
    if (output.textContent !== text) output.textContent = text;
    for (const button of bar.querySelectorAll("[data-act]")) button.disabled = !all && !chosen;
    bar.classList.toggle("on", all || chosen > 0);
  }

  // Selected runs are asked about in the dialog of confirm.js; all that match, and without scripts, on a page.
  function ask(button) {
    const bar = form();
    const [verb, rest] = verbs[button.value];
    const all = allPages()?.checked;
    bar.elements.sure.value = all ? "" : "yes";
    if (all) return bar.removeAttribute("hx-confirm");
    const count = runs(boxes().filter((box) => box.checked).length.toLocaleString("en"));
    bar.setAttribute("hx-confirm", `${verb} ${count}${rest}?`);
    button.dataset.yes = `${verb} ${count}${rest}`;
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-act]");
    if (button) ask(button);
  }, true);
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("[data-page]")) boxes().forEach((box) => set(box, target.checked));
    if (target.matches?.("[data-everything]")) boxes().forEach((box) => set(box, target.checked));
    if (target.matches?.("[data-row], [data-page]") && !target.checked && allPages()?.checked) set(allPages(), false);
    if (target.matches?.("[data-row], [data-page], [data-everything]")) update();
  });
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (!detail.elt.matches?.("form[data-filter]")) return;
    for (const name of new Set([...detail.formData.keys()])) {
      const bare = /_(offset|at)$/.test(name) && !detail.formData.get(name.replace(/_(offset|at)$/, ""));
      if (!detail.formData.get(name) || bare) detail.formData.delete(name);
    }
  });
  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "live:morphed"]) document.addEventListener(event, update);
})();
