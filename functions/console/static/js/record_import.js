// Imports a CSV file in parts: checks them all, shows what is wrong by line, and then sends them one after the other.
// Parts end at line ends outside of quotes. Each has a key of its own, so one that is sent again creates nothing twice.
(() => {
  const PART_BYTES = 256 * 1024;
  const MAX_RECORD_BYTES = 1000 * 1024;
  const SHOWN_ERRORS = 20;
  const ATTEMPTS = 4;
  const [QUOTE, COMMA, LF, CR] = [0x22, 0x2c, 0x0a, 0x0d];
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  class Refused extends Error {}

  // [begin, end, line] of each record of the file, the line of the names of the columns first.
  function* records(bytes) {
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    let [begin, line, firstLine, quoted, cellBegins, closed] = [0, 1, 1, false, true, false];
    for (let i = hasMark ? 3 : 0; i < bytes.length; i += 1) {
      const byte = bytes[i];
      const endsLine = byte === LF || (byte === CR && bytes[i + 1] !== LF);
      if (endsLine) line += 1;
      if (quoted) { if (byte === QUOTE) { quoted = false; closed = true; } continue; }
      if (byte === QUOTE && (cellBegins || closed)) { quoted = true; cellBegins = false; closed = false; continue; }
      closed = false;
      cellBegins = byte === COMMA || endsLine;
      if (!endsLine) continue;
      yield [begin, i + 1, firstLine];
      [begin, firstLine] = [i + 1, line];
    }
    if (begin < bytes.length) yield [begin, bytes.length, firstLine];
  }

  function split(bytes) {
    const parts = [];
    let [header, part] = [null, null];
    for (const [begin, end, line] of records(bytes)) {
      if (end - begin > MAX_RECORD_BYTES) throw new Refused(`Line ${line} is longer than 1 MB, perhaps because of a quote that is not closed.`);
      if (!header) { header = bytes.subarray(0, end); continue; }
      if (!part || end - part.begin > PART_BYTES) { part = { begin, line }; parts.push(part); }
      part.end = end;
    }
    if (!parts.length) parts.push({ begin: bytes.length, end: bytes.length, line: 2 });
    return { header: header ?? bytes, parts };
  }

  const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

  // What the server said in a page instead of an answer.
  async function reason(answer) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("main p")?.textContent ?? `The server answered with status ${answer.status}.`;
  }

  async function send(file, index, dryRun) {
    const { begin, end, line } = file.parts[index];
    const query = new URLSearchParams({ dry_run: dryRun, first_line: line, import: file.id, file: file.name });
    const headers = { "Content-Type": "text/csv", "Idempotency-Key": `${file.id}:${index}` };
    const body = new Blob([file.header, file.bytes.subarray(begin, end)]);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await fetch(`/records/import?${query}`, { method: "POST", headers, body }).catch(() => null);
      if (answer?.ok) return answer.json();
      if (answer && answer.status < 500) {
        const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
        throw new Refused(isJson ? (await answer.json()).error : await reason(answer));
      }
      if (attempt === ATTEMPTS) throw new Error("The server is not responding.");
      await pause(attempt);
    }
  }

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    Object.assign(made, attributes);
    return made;
  }

  function show(status, ...children) {
    status.replaceChildren(...children.filter(Boolean));
  }

  function progressBar(status, text, note) {
    const bar = element("progress", "", { max: 1, value: 0 });
    bar.setAttribute("aria-label", text);
    const label = element("span", ` ${text}`);
    show(status, bar, label, note && element("p", note, { className: "muted" }));
    return (share, detail) => { bar.value = share; label.textContent = ` ${text} ${detail}`; };
  }

  function errorList(refused) {
    if (!refused.length) return [];
    const list = element("ul", "", { className: "record-refused" });
    list.append(...refused.slice(0, SHOWN_ERRORS).map((each) => element("li", `Line ${each.line}: ${each.message}`)));
    const more = refused.length - SHOWN_ERRORS;
    return [list, more > 0 && element("p", `… and ${plural(more, "more line")} with an error.`, { className: "muted" })];
  }

  // The refused lines with their errors, to be corrected and imported again.
  function refusedFile(file, refused) {
    const cell = (text) => `"${text.replaceAll('"', '""')}"`;
    const header = new TextDecoder().decode(file.header).trimEnd().replace(/,error$/i, "");
    const lines = refused.map((each) => `${each.text},${cell(`line ${each.line}: ${each.message}`)}`);
    const url = URL.createObjectURL(new Blob([`${[`${header},error`, ...lines].join("\r\n")}\r\n`], { type: "text/csv" }));
    return element("a", "Download the refused lines", { href: url, download: `refused-${file.name}`, className: "button" });
  }

  async function read(chosen) {
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    return { bytes, name: chosen.name, id: crypto.randomUUID(), next: 0, created: 0, ...split(bytes) };
  }

  async function check(status, chosen) {
    try {
      const update = progressBar(status, "Checking");
      const file = await read(chosen);
      const found = { lines: 0, valid: 0, refused: [] };
      for (let index = 0; index < file.parts.length; index += 1) {
        const result = await send(file, index, true);
        found.lines += result.lines;
        found.valid += result.valid;
        found.refused.push(...result.refused);
        update((index + 1) / file.parts.length, plural(found.lines, "line"));
      }
      preview(status, file, found);
    } catch (error) {
      show(status, element("p", `${chosen.name}: ${error.message} Nothing was imported.`, { className: "warn", role: "alert" }));
    }
  }

  function preview(status, file, found) {
    const wrong = found.lines - found.valid;
    const text = `${file.name}: ${plural(found.lines, "line")}, ${wrong ? `${wrong.toLocaleString("en")} of which ${wrong === 1 ? "has an error and is" : "have errors and are"} left out.` : "no errors."}`;
    const button = element("button", `Import ${plural(found.valid, "record")}`, { className: "primary", type: "button" });
    button.addEventListener("click", () => run(status, file, found));
    const row = element("div", "", { className: "row" });
    row.append(...[found.valid && button, wrong && refusedFile(file, found.refused)].filter(Boolean));
    show(status, element("p", text), ...errorList(found.refused), row);
    if (found.valid) button.focus();
  }

  const warn = (event) => event.preventDefault();

  async function run(status, file, found) {
    const update = progressBar(status, "Importing", "Leaving this page stops the import. Records imported by then are kept.");
    window.addEventListener("beforeunload", warn);
    try {
      while (file.next < file.parts.length && status.isConnected) {
        file.created += (await send(file, file.next, false)).created;
        file.next += 1;
        update(file.next / file.parts.length, `${file.created.toLocaleString("en")} of ${plural(found.valid, "record")}`);
      }
      finished(status, file, found);
    } catch (error) {
      const again = element("button", "Continue", { className: "primary", type: "button" });
      again.addEventListener("click", () => run(status, file, found));
      const text = `${error.message} The import stopped after ${plural(file.created, "record")}. If you continue, none of them is created twice.`;
      show(status, element("p", text, { className: "warn", role: "alert" }), again);
    } finally {
      window.removeEventListener("beforeunload", warn);
    }
  }

  function finished(status, file, found) {
    const row = element("div", "", { className: "row" });
    row.append(element("a", "Open the records", { href: "/records", className: "button primary" }));
    if (found.refused.length) row.append(refusedFile(file, found.refused));
    const left = found.lines - found.valid;
    const text = `${plural(file.created, "record")} imported from ${file.name}.${left ? ` ${plural(left, "line")} ${left === 1 ? "was" : "were"} left out.` : ""}`;
    show(status, element("p", text, { className: "flash" }), row);
  }

  document.addEventListener("change", ({ target }) => {
    const page = target.closest?.("[data-record-import]");
    if (page && target.files?.length) check(page.querySelector("[data-import-status]"), target.files[0]);
  });
})();
