// Shortcuts for a date: <span data-picks="id of the input"><button data-pick="days:30">.
(() => {
  const HOUR_MS = 3600000;

  function pick(button) {
    const input = document.getElementById(button.closest("[data-picks]").dataset.picks);
    const at = input.form.elements[`${input.name}_at`];
    const [unit, number] = button.dataset.pick.split(":");
    const moment = new Date(Date.now() + (unit === "hours" ? number * HOUR_MS : 0));
    moment.setSeconds(0, 0);
    if (unit === "days") moment.setDate(moment.getDate() + Number(number));
    const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
    input.value = local.toISOString().slice(0, 16);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    at.value = moment.toISOString();
    input.focus();
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-pick]");
    if (button) pick(button);
  });
  document.addEventListener("toggle", ({ target }) => {
    if (target.id === "new" && target.open) (target.querySelector("[aria-invalid]") ?? target.querySelector("input")).focus();
  }, true);
})();
