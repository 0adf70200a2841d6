// Keys for fast hands, as listed in the dialog of "?". None works while somebody types, and all but Ctrl-K can be
// turned off there.
(() => {
  const LEADER_MS = 1500;
  const ROWS = "main tbody tr, main article";
  const RETRY = ["requeue", "retry", "run-now"].map((name) => `form[action$='/${name}'] button`).join();
  let leaderAt = -Infinity;

  const isTyping = (element) => element?.closest?.("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll(ROWS)].filter((row) => row.checkVisibility() && row.querySelector("a[href]"));
  const row = () => document.activeElement?.closest(ROWS);

  function move(step) {
    const all = rows();
    const at = all.indexOf(row());
    const next = at < 0 ? all[0] : all[at + step];
    next?.querySelector("a[href]").focus({ focusVisible: true });
    next?.scrollIntoView({ block: "nearest" });
  }

  function show() {
    const dialog = Palette.dialog("shortcuts");
    if (!dialog) return;
    dialog.querySelector("[data-keys]").checked = Preferences.get("keys") !== "off";
    dialog.showModal();
  }

  const actions = {
    "/": () => Palette.open(),
    "?": show,
    j: () => move(1),
    k: () => move(-1),
    x: () => row()?.querySelector("input[type='checkbox']")?.click(),
    r: () => row()?.querySelector(RETRY)?.click(),
    g: () => { leaderAt = performance.now(); },
  };

  function goTo(key) {
    const option = Palette.dialog("palette")?.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (option) Palette.go(option.dataset.href);
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      Palette.open();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") || Preferences.get("keys") === "off") return;
    const isAfterLeader = performance.now() - leaderAt < LEADER_MS;
    leaderAt = -Infinity;
    if (isAfterLeader) goTo(event.key);
    else if (Object.hasOwn(actions, event.key)) actions[event.key]();
    else return;
    event.preventDefault();
  });

  // A run's ID opens the run, wherever it is pasted except into another field.
  document.addEventListener("paste", (event) => {
    const address = Palette.runAddress(event.clipboardData?.getData("text") ?? "");
    const field = isTyping(event.target);
    if (!address || (field && !["search", "palette-input"].includes(field.id)) || !document.getElementById("dialogs")) return;
    event.preventDefault();
    Palette.go(address);
  });

  // What an action of the palette leads to: open and in focus.
  function showTarget() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.tagName === "DETAILS") target.open = true;
    if (target.matches("details, input")) (target.querySelector("input, textarea") ?? target).focus();
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("[data-keys]")) Preferences.set("keys", target.checked ? "" : "off");
  });
  document.addEventListener("click", ({ target }) => { if (target.closest?.("[data-shortcuts]")) show(); });
  for (const event of ["DOMContentLoaded", "htmx:afterSettle"]) document.addEventListener(event, showTarget);
})();
