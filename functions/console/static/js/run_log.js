// The log of a run: times in the viewer's zone, and scrolled to the end unless somebody scrolled up.
(() => {
  const NEAR_END_PX = 24;
  const format = (options) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone: Preferences.zone() });
  let following = true;

  function times(log) {
    const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
    const full = format({ dateStyle: "medium", timeStyle: "long" });
    for (const at of log.querySelectorAll("[data-at]")) {
      const moment = new Date(at.dataset.at);
      at.textContent = clock.format(moment);
      at.title = full.format(moment);
    }
  }

  function show() {
    const log = document.querySelector("[data-follow]");
    if (!log) return;
    times(log);
    if (following) log.scrollTop = log.scrollHeight;
  }

  function open() {
    following = true;
    show();
  }

  document.addEventListener("scroll", ({ target }) => {
    if (target instanceof Element && target.matches("[data-follow]")) {
      following = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END_PX;
    }
  }, true);
  for (const event of ["live:morphed", "preferences:changed"]) document.addEventListener(event, show);
  document.addEventListener("htmx:afterSettle", open);
  document.addEventListener("DOMContentLoaded", open);
})();
