// Keeps #live up to date: asks for the page again every two seconds, and morphs what changed in place.
// Rests while the tab is hidden; says so when the server is away; loses nothing that is typed or selected.
(() => {
  class Trouble extends Error {}
  const EVERY = 2000;
  const SLOWEST = 15000;
  const PATIENCE = 12000; // the server itself gives up on its database after ten seconds
  let etag = null;
  let address = null;
  let wait = EVERY;
  let timer = null;
  let fetching = null;
  let turn = 0; // grows when another page is asked for: what was fetched for the one before is not shown then

  const live = () => document.querySelector("#live");
  const lost = () => document.querySelector("#lost");

  function dirty(node) {
    return node.matches?.("input, textarea, select") && (node.dataset.dirty || node === document.activeElement);
  }

  function keep(old, fresh) {
    if (!(old instanceof Element)) return true;
    if (old.hasAttribute("data-keep")) return false;
    if (old.tagName === "TIME" && fresh.tagName === "TIME" && old.dateTime === fresh.dateTime) return false;
    if (old.tagName === "DETAILS" && fresh.tagName === "DETAILS") fresh.open = old.open;
    return !dirty(old);
  }

  // The last rows made room for those that arrive: they are on the next page, not gone.
  function pushedOn(shown, coming, arrived) {
    const moved = new Set();
    for (const row of [...shown].reverse()) {
      if (moved.size === arrived || coming.has(row.id)) break;
      moved.add(row);
    }
    return moved;
  }

  // A list that is empty by now has no table: the one on the screen stays, with its rows dimmed.
  function rowsIn(fresh, body) {
    const found = fresh.querySelector(`#${body.id}`);
    const empty = fresh.querySelector(".empty");
    if (found || !empty) return found;
    empty.replaceWith(body.closest(".scroll").cloneNode(true));
    const kept = fresh.querySelector(`#${body.id}`);
    kept.replaceChildren();
    return kept;
  }

  // Rows that arrive wait behind a button, rows that left are dimmed, so that nothing moves under the reader.
  function hold(fresh) {
    for (const body of live().querySelectorAll("tbody[data-rows]")) {
      const shown = [...body.rows].filter((row) => row.id);
      const next = shown.length && rowsIn(fresh, body);
      if (!next) continue;
      const known = new Set(shown.map((row) => row.id));
      const arriving = [...next.rows].filter((row) => row.id && !known.has(row.id));
      const coming = new Set([...next.rows].map((row) => row.id));
      const moved = pushedOn(shown, coming, arriving.length);
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
        if (left.length) parts.push(`${left.length} left this list`);
        button.textContent = `${parts.join(", ")}: show`;
        button.hidden = false;
      }
    }
  }

  function show(page, everything) {
    const fresh = page.querySelector("#live");
    if (!fresh || !live()) return;
    document.title = page.title;
    if (!everything) hold(fresh);
    Idiomorph.morph(live(), fresh, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: { beforeNodeMorphed: keep },
    });
    htmx.process(live());
    document.dispatchEvent(new CustomEvent("live:morphed"));
  }

  const longer = () => Math.min(wait * 1.5, SLOWEST);

  // The first sentence of a page that tells of a failure: "The database cannot be reached now."
  const reason = (page) => page.querySelector("[data-error] p")?.textContent.replace(/[;.].*/s, ".");

  function say(text) {
    const banner = lost();
    if (!banner) return;
    banner.hidden = !text;
    if (banner.textContent !== text) banner.textContent = text;
  }

  async function poll(everything = false) {
    if (!live() || document.hidden) return;
    if (document.querySelector("dialog[open]")) return;
    const asked = location.pathname + location.search;
    const mine = turn;
    const isPast = () => mine !== turn || asked !== location.pathname + location.search;
    if (asked !== address) { address = asked; etag = null; }
    const headers = { "HX-Request": "true", "X-Live": "true" };
    if (etag && !everything) headers["If-None-Match"] = etag;
    fetching = new AbortController();
    const limit = setTimeout(() => fetching?.abort(), PATIENCE);
    try {
      const answer = await fetch(asked, { headers, cache: "no-store", redirect: "manual", signal: fetching.signal });
      if (answer.status === 401 || answer.type === "opaqueredirect") {
        say("You are signed out. Reload the page, or sign in in another tab if you want to keep what you typed.");
        wait = SLOWEST;
        return;
      }
      if (answer.status !== 304) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (isPast()) return;
        if (answer.status >= 500 && !live().hasAttribute("data-error")) throw new Trouble(reason(page));
        show(page, everything);
        etag = answer.headers.get("ETag");
      }
      wait = answer.status < 400 ? EVERY : longer();
      say("");
    } catch (trouble) {
      if (document.hidden || isPast()) return;
      wait = longer();
      const why = (trouble instanceof Trouble && trouble.message) || "The server does not answer.";
      say(`${why} What you see is as of a moment ago; trying again.`);
    } finally {
      clearTimeout(limit);
    }
  }

  async function tick() {
    clearTimeout(timer);
    await poll();
    timer = setTimeout(tick, wait);
  }

  document.addEventListener("input", ({ target }) => {
    if (target.closest?.("#live")) target.dataset.dirty = "yes";
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("[data-held]")) poll(true);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { wait = EVERY; tick(); } });
  for (const moment of ["htmx:beforeRequest", "htmx:beforeSwap"]) document.addEventListener(moment, () => { turn += 1; });
  document.addEventListener("htmx:afterSettle", () => { etag = null; wait = EVERY; });
  document.addEventListener("htmx:sendError", () => say("The server does not answer. Nothing was done; try again."));
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr.status === 401) say("You are signed out, so nothing was done. Sign in in another tab, then send this again.");
  });
  document.addEventListener("DOMContentLoaded", () => { timer = setTimeout(tick, EVERY); });
})();
