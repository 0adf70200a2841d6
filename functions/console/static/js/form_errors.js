// Focuses the first invalid field of a refused form.
(() => {
  document.addEventListener("htmx:afterSettle", () => document.querySelector("[aria-invalid='true']")?.focus());
})();
