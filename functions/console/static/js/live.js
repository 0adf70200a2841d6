// Keeps #live up to date: requests the page every two seconds and morphs what changed in place.
// It pauses while the tab is hidden or an action has no answer yet, says since when nothing could be updated, and keeps
// what is typed or selected.
(() => {
  class ServerError extends Error {}
  const INTERVAL_MS = 2000;
  const MAX_INTERVAL_MS = 15000;
  const SLOW_MS = 5000;
  const TIMEOUT_MS = 12000; // the server itself gives up on its database after ten seconds
  let etag = null;
  let address = null;
  let interval = INTERVAL_MS;
  let timer = null;
  let fetching = null;
  let updatedAt = new Date();
  let pageNumber = 0; // grows with each request for another page, whose predecessor is then not shown

  const live = () => document.querySelector("#live");

  function isDirty(node) {
    return node.matches?.("input, textarea, select") && (node.dataset.dirty || node === document.activeElement);
  }

  function shouldMorph(old, fresh) {
    if (!(old instanceof Element)) return true;
    if (old.hasAttribute("data-keep")) return false;
    if (old.tagName === "TIME" && fresh.tagName === "TIME" && old.dateTime === fresh.dateTime) return false;
    if (old.tagName === "DETAILS" && fresh.tagName === "DETAILS") fresh.open = old.open;
    return !isDirty(old);
  }

  // The last rows, which new ones pushed to the next page: they are not gone.
  function pushedToNextPage(shown, coming, arrived) {
    const moved = new Set();
    for (const row of [...shown].reverse()) {
      if (moved.size === arrived || coming.has(row.id)) break;
      moved.add(row);
    }
    return moved;
  }

  // A list that became empty has no table: keep the one on the screen, with its rows dimmed.
  function rowsIn(fresh, body) {
    const found = fresh.querySelector(`#${body.id}`);
    const empty = fresh.querySelector(".empty");
    if (found || !empty) return found;
    empty.replaceWith(body.closest(".scroll").cloneNode(true));
    const kept = fresh.querySelector(`#${body.id}`);
    kept.replaceChildren();
    return kept;
  }

  // New rows wait behind a button and removed rows are dimmed, so that nothing moves while somebody reads.
  function holdRows(fresh) {
    for (const body of live().querySelectorAll("tbody[data-rows]")) {
      const shown = [...body.rows].filter((row) => row.id);
      const next = shown.length && rowsIn(fresh, body);
      if (!next) continue;
      const known = new Set(shown.map((row) => row.id));
      const arriving = [...next.rows].filter((row) => row.id && !known.has(row.id));
      const coming = new Set([...next.rows].map((row) => row.id));
      const moved = pushedToNextPage(shown, coming, arriving.length);
      const left = shown.filter((row) => !coming.has(row.id) && !moved.has(row));
      if (!arriving.length && !left.length) continue;
      const rows = shown.map((row) => {
        const same = [...next.rows].find((each) => each.id === row.id);
        if (same) return same;
        const kept = row.cloneNode(true);
        kept.classList.toggle("gone", !moved.has(row));
        return kept;
      });
      next.replaceChildren(...rows);
      const button = fresh.querySelector("[data-held]");
      if (button) {
        const parts = [];
        if (arriving.length) parts.push(`${arriving.length} new`);
        if (left.length) parts.push(`${left.length} no longer in this list`);
        button.textContent = `${parts.join(", ")}: show`;
        button.hidden = false;
      }
    }
  }

  function show(page, showNewRows) {
    const fresh = page.querySelector("#live");
    if (!fresh || !live()) return;
    document.title = page.title;
    const icon = page.querySelector("link[rel=icon]"); // it has a number, too
    if (icon) document.querySelector("link[rel=icon]")?.setAttribute("href", icon.href);
    if (fresh.dataset.kind !== live().dataset.kind) {
      // A page of another kind, such as that of a record which was deleted: nothing of the old one holds.
      for (const flash of document.querySelectorAll(".flash")) flash.remove();
      live().replaceWith(fresh);
      htmx.process(fresh);
      document.dispatchEvent(new CustomEvent("live:morphed"));
      return;
    }
    if (!showNewRows) holdRows(fresh);
    Idiomorph.morph(live(), fresh, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: { beforeNodeMorphed: shouldMorph },
    });
    htmx.process(live());
    document.dispatchEvent(new CustomEvent("live:morphed"));
  }

  const longerInterval = () => Math.min(interval * 1.5, MAX_INTERVAL_MS);

  // The first sentence of an error page, such as "The database cannot be reached now."
  function reason(page, status) {
    return page.querySelector("[data-error] p")?.textContent.replace(/[;.].*/s, ".") ?? `The server could not answer (status ${status}).`;
  }

  const tryNow = () => { interval = INTERVAL_MS; pollForever(); };
  const say = (text) => Notices.say("connection-lost", text);
  const sayOutdated = (why) => Notices.say("connection-lost", `Not updated since ${Times.clock(updatedAt)}. ${why}`, Notices.button("Try again", tryNow));

  async function poll(showNewRows = false) {
    if (!live() || document.hidden) return;
    if (document.querySelector("dialog[open], [data-busy]")) return;
    const requested = location.pathname + location.search;
    const requestedFor = pageNumber;
    const isOutdated = () => requestedFor !== pageNumber || requested !== location.pathname + location.search;
    if (requested !== address) { address = requested; etag = null; }
    const headers = { "HX-Request": "true", "X-Live": "true" };
    if (etag && !showNewRows) headers["If-None-Match"] = etag;
    fetching = new AbortController();
    const limit = setTimeout(() => fetching?.abort(), TIMEOUT_MS);
    const slow = setTimeout(() => { if (!isOutdated()) sayOutdated("The server is slow to answer."); }, SLOW_MS);
    try {
      const answer = await fetch(requested, { headers, cache: "no-store", redirect: "manual", signal: fetching.signal });
      if (answer.status === 401 || answer.type === "opaqueredirect") {
        say("You are signed out. Reload the page or, to keep what you typed, sign in from another tab.");
        interval = MAX_INTERVAL_MS;
        return;
      }
      if (answer.status !== 304) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (isOutdated()) return;
        const isError = answer.status >= 500 && !live().hasAttribute("data-error");
        if (isError || !page.querySelector("main")) throw new ServerError(reason(page, answer.status));
        show(page, showNewRows);
        etag = answer.headers.get("ETag");
      }
      interval = answer.status < 400 ? INTERVAL_MS : longerInterval();
      updatedAt = new Date();
      say("");
    } catch (error) {
      if (document.hidden || isOutdated()) return;
      interval = longerInterval();
      sayOutdated(error instanceof ServerError ? error.message : "The server is not responding.");
    } finally {
      clearTimeout(limit);
      clearTimeout(slow);
    }
  }

  async function pollForever() {
    clearTimeout(timer);
    await poll();
    timer = setTimeout(pollForever, interval);
  }

  document.addEventListener("input", ({ target }) => {
    if (target.closest?.("#live")) target.dataset.dirty = "yes";
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("[data-held]")) poll(true);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tryNow(); });
  for (const moment of ["htmx:beforeRequest", "htmx:beforeSwap"]) document.addEventListener(moment, () => { pageNumber += 1; });
  document.addEventListener("htmx:afterSettle", () => { etag = null; interval = INTERVAL_MS; updatedAt = new Date(); });
  document.addEventListener("DOMContentLoaded", () => { timer = setTimeout(pollForever, INTERVAL_MS); });
})();
