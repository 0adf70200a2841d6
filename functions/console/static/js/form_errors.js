// A form that was refused comes back with its first error in focus.
(() => {
  document.addEventListener("htmx:afterSettle", () => document.querySelector("[aria-invalid='true']")?.focus());
})();
