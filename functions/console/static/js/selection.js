// The selection of rows in a list: form[data-selection="run"] has the bulk actions and, by its id, the checkboxes of the
// rows. The selection survives a refresh, since live.js keeps changed checkboxes.
(() => {
  const form = () => document.querySelector("form[data-selection]");
  const boxes = (bar) => [...bar.elements].filter((box) => box.name === "id" && !box.closest("tr.gone"));
  const selected = (bar) => boxes(bar).filter((box) => box.checked).length;
  // How many of them the action of a button changes: a row of runs names what is possible in its state.
  const changedBy = (bar, { value }) => boxes(bar).filter((box) => box.checked && (box.closest("tr").dataset.actions ?? value).split(" ").includes(value)).length;
  const plural = (bar, count) => `${count.toLocaleString("en")} ${bar.dataset.selection}${count === 1 ? "" : "s"}`;

  function set(box, on) {
    box.checked = on;
    box.dataset.dirty = "yes";
  }

  function update() {
    const bar = form();
    if (!bar) return;
    const all = bar.elements.all?.checked ?? false;
    const count = selected(bar);
    const page = document.querySelector("[data-page]");
    page.hidden = false;
    page.indeterminate = count > 0 && count < boxes(bar).length;
    set(page, count > 0 && !page.indeterminate);
    const text = count ? `${plural(bar, count)} selected` : `Select ${bar.dataset.selection}s for a bulk action`;
    const said = all ? bar.dataset.all : text;
    const output = bar.querySelector("[data-selected]");
    if (output.textContent !== said) output.textContent = said;
    for (const button of bar.querySelectorAll("button")) button.disabled = !all && !changedBy(bar, button);
    bar.classList.toggle("on", all || count > 0);
  }

  // Selected runs are asked about in the dialog of confirm.js; all that match, and without scripts, on a page.
  function ask(bar, button) {
    const all = bar.elements.all?.checked;
    bar.elements.sure.value = all ? "" : "yes";
    if (all) return bar.removeAttribute("hx-confirm");
    const [verb, ...rest] = button.textContent.trim().split(" "); // Run now: run 3 runs now
    const changed = changedBy(bar, button);
    const question = [verb, plural(bar, changed), ...rest].join(" ");
    const others = selected(bar) - changed;
    const leftAlone = others ? ` ${plural(bar, others)} in ${others === 1 ? "another state is" : "other states are"} left alone.` : "";
    bar.setAttribute("hx-confirm", `${question}?${leftAlone}`);
    button.dataset.yes = question;
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-selection] button");
    if (button?.form.elements.sure) ask(button.form, button);
  }, true);
  document.addEventListener("change", ({ target }) => {
    const bar = form();
    if (!bar || !target.matches?.("[data-page], [data-selection] [name='all'], [name='id']")) return;
    const { all } = bar.elements;
    if (target.name !== "id") boxes(bar).forEach((box) => set(box, target.checked));
    if (!target.checked && all?.checked) set(all, false);
    update();
  });
  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "live:morphed"]) document.addEventListener(event, update);
})();
