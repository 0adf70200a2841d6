// The choices in the footer: theme and time zone.
(() => {
  function show() {
    for (const menu of document.querySelectorAll("select[data-preference]")) {
      menu.value = Preferences.get(menu.dataset.preference);
      if (menu.selectedIndex < 0) menu.value = "";
    }
    if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelectorAll(".palette-key kbd").forEach((key) => { key.textContent = "⌘K"; });
    document.querySelectorAll("[data-here]").forEach((option) => { option.textContent = Preferences.here; });
    document.querySelectorAll("[data-scripted]").forEach((element) => { element.hidden = false; });
    document.querySelectorAll("[data-unscripted]").forEach((element) => { element.hidden = true; });
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("select[data-preference]")) Preferences.set(target.dataset.preference, target.value);
  });
  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "preferences:changed"]) document.addEventListener(event, show);
})();
