// What a viewer chooses for this browser: theme, time zone, shortcuts. Loaded before the page is painted, so that it
// never appears in the wrong theme.
const Preferences = (() => {
  const root = document.documentElement;
  let chosen = {};

  function get(name) {
    chosen[name] ??= kept(name);
    return chosen[name];
  }

  function kept(name) {
    try {
      return localStorage.getItem(name) ?? "";
    } catch {
      return ""; // the browser keeps nothing for this site
    }
  }

  function set(name, value) {
    chosen[name] = value;
    try {
      localStorage.setItem(name, value);
    } catch { /* the choice then lasts as long as the page */ }
    apply();
  }

  function apply() {
    const theme = get("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.dispatchEvent(new CustomEvent("preferences:changed"));
  }

  const isUtc = () => get("zone") === "UTC";
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  apply();
  addEventListener("storage", () => { chosen = {}; apply(); }); // another tab has chosen
  return { get, set, here, zone: () => (isUtc() ? "UTC" : here), isUtc };
})();
