// What a press or a click leads to: it shows that it works, says when it takes long, and never puts anything but a page
// of the console in the place of this one. An action without an answer may or may not have been done: that stays on the
// screen, with the way to find out, until it is dismissed.
(() => {
  const SLOW_MS = 1000;
  const KEPT = "unanswered";
  const waiting = new Map();
  let lastRequest = null;

  const isAction = ({ requestConfig }) => requestConfig.verb !== "get";
  // A page that arrives, or fails to, when something else was asked for since: not shown, not spoken of.
  const isOvertaken = (detail) => !isAction(detail) && detail.xhr !== lastRequest;
  const hasMain = (text) => /<main[\s>]/.test(text);

  // The button or link, in words.
  function nameOf({ requestConfig }) {
    const { elt } = requestConfig;
    const pressed = requestConfig.triggeringEvent?.submitter ?? (elt.matches("form") ? elt.querySelector("button:not([type='button'])") : elt);
    return { pressed, name: (pressed?.getAttribute?.("aria-label") || pressed?.textContent || "").replace(/\s+/g, " ").trim().slice(0, 60) };
  }

  function sayWaiting(text) {
    const bar = document.getElementById("waiting");
    if (bar) bar.textContent = text;
  }

  function begin(detail) {
    const { pressed, name } = nameOf(detail);
    if (pressed?.tagName === "BUTTON") pressed.setAttribute("aria-busy", "true");
    const { elt } = detail.requestConfig;
    if (isAction(detail)) elt.dataset.busy = "yes";
    const words = isAction(detail) ? `Still working on “${name}”…` : `Loading ${name || "the page"}…`;
    waiting.set(elt, { pressed, said: said(), timer: setTimeout(() => sayWaiting(words), SLOW_MS) });
  }

  function end({ requestConfig: { elt } }) {
    const request = waiting.get(elt);
    if (!request) return;
    waiting.delete(elt);
    clearTimeout(request.timer);
    request.pressed?.removeAttribute?.("aria-busy");
    delete elt.dataset.busy;
    if (!waiting.size) sayWaiting("");
  }

  const said = () => [...document.querySelectorAll(".flash")];

  // Of two actions pressed at nearly the same time, the later page keeps what the earlier one said.
  function keepSaid({ requestConfig: { elt } }) {
    const before = waiting.get(elt)?.said ?? [];
    const kept = said().filter((flash) => !before.includes(flash));
    if (!kept.length) return;
    document.addEventListener("htmx:afterSwap", () => {
      document.getElementById("main")?.prepend(...kept.filter((flash) => !document.getElementById(flash.id)));
    }, { once: true });
  }

  // Where one sees whether it was done.
  function whereToLook(path) {
    const [, kind, id] = path.split("?")[0].split("/");
    if (kind === "runs" && id) return ["Check the run", `/runs/${id}`];
    if (kind === "jobs" && id) return ["Check the job", `/jobs/${id}`];
    if (kind === "records") return id ? ["Check the record", `/records/${id}`] : ["Check the records", "/records"];
    return ["Check Activity", "/dashboard/activity"];
  }

  function showUnanswered() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    const dismiss = () => { sessionStorage.removeItem(KEPT); showUnanswered(); };
    if (kept) Notices.say("unanswered", kept.text, Notices.link(...kept.look), Notices.button("Dismiss", dismiss));
    else Notices.say("unanswered", "");
  }

  function failed(detail, reason, isRefused = false) {
    const { name } = nameOf(detail);
    const { path, elt } = detail.requestConfig;
    const retry = () => (elt.matches("form") ? elt.requestSubmit() : elt.click());
    const dismiss = Notices.button("Dismiss", () => Notices.say("not-opened", ""));
    if (!isAction(detail)) {
      Notices.say("not-opened", `${name || "The page"} could not be opened. ${reason}`, Notices.button("Try again", retry), dismiss);
    } else if (isRefused) {
      Notices.say("not-opened", `“${name}” was refused, so nothing was done. ${reason}`, dismiss);
    } else {
      const text = `${Times.clock(new Date())}: no answer to “${name}”. This may or may not have been done. ${reason}`;
      sessionStorage.setItem(KEPT, JSON.stringify({ text, look: whereToLook(path) }));
      showUnanswered();
    }
  }

  function reasonOf({ status, responseText }) {
    if (status === 429) return "There were too many requests at once.";
    const page = new DOMParser().parseFromString(responseText, "text/html");
    const said = page.querySelector("[data-error] p")?.textContent;
    return said ?? (status < 500 ? `The answer was not a page of this console (status ${status}).` : `The server could not answer (status ${status}).`);
  }

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { xhr } = detail;
    if (!detail.requestConfig) return;
    if (isOvertaken(detail)) { detail.shouldSwap = false; return; }
    if ([204, 401].includes(xhr.status)) return;
    if (hasMain(xhr.responseText) && xhr.status < 500) {
      if (isAction(detail)) keepSaid(detail);
      return;
    }
    detail.shouldSwap = false;
    failed(detail, reasonOf(xhr), xhr.status >= 400 && xhr.status < 500);
  });
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    lastRequest = detail.xhr;
    Notices.say("not-opened", "");
    begin(detail);
  });
  window.addEventListener("popstate", () => { lastRequest = null; });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    end(detail);
    if (detail.xhr.status === 401) Notices.say("not-opened", "You are signed out, so nothing was done. Sign in from another tab, then submit this again.");
  });
  for (const event of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(event, ({ detail }) => { if (!isOvertaken(detail)) failed(detail, "The server is not responding."); });
  }
  // Back and forward: htmx then asks for the page itself.
  const sayNotRestored = () => Notices.say("not-opened", "The page could not be opened.", Notices.button("Try again", () => location.reload()));
  document.addEventListener("htmx:historyCacheMissLoadError", sayNotRestored);
  document.addEventListener("htmx:historyCacheMissLoad", ({ detail }) => {
    if (hasMain(detail.response)) return;
    detail.response = document.body.innerHTML;
    setTimeout(sayNotRestored);
  });
  // A second press while the first has no answer does nothing.
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.busy) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  for (const event of ["DOMContentLoaded", "htmx:afterSettle"]) document.addEventListener(event, showUnanswered);
})();
