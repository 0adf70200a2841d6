// The selection of rows in the list of records. It survives a refresh, since live.js keeps changed checkboxes.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const boxes = () => all("[data-record]").filter((box) => !box.closest("tr.gone"));

  function set(box, on) {
    box.checked = on;
    box.dataset.dirty = "yes";
  }

  function update() {
    const output = document.querySelector("[data-records-selected]");
    if (!output) return;
    const every = document.querySelector("[data-every-record]")?.checked ?? false;
    const here = boxes();
    const selected = here.filter((box) => box.checked).length;
    const page = document.querySelector("[data-all-records]");
    page.hidden = false;
    page.checked = selected > 0 && selected === here.length;
    page.indeterminate = selected > 0 && selected < here.length;
    page.dataset.dirty = "yes";
    const some = `${selected} record${selected === 1 ? "" : "s"} selected`;
    const text = every ? "All records in this list are selected" : selected ? some : "Select records for a bulk action";
    if (output.textContent !== text) output.textContent = text;
    for (const button of all("[data-record-action]")) button.disabled = !every && !selected;
  }

  document.addEventListener("change", ({ target }) => {
    const every = document.querySelector("[data-every-record]");
    if (target.matches?.("[data-all-records], [data-every-record]")) boxes().forEach((box) => set(box, target.checked));
    else if (!target.matches?.("[data-record]")) return;
    if (!target.checked && every?.checked) set(every, false);
    update();
  });
  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "live:morphed"]) document.addEventListener(event, update);
})();
