// Shows times in the viewer's zone: "3 min ago" with the exact time as a tooltip.
(() => {
  const MINUTE_MS = 60000;
  const DAY_MS = 24 * 60 * MINUTE_MS;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const exact = new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    timeZoneName: "short",
  });
  const minute = new Intl.DateTimeFormat("en-GB", {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
  });
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

  function relative(moment) {
    const seconds = Math.round((moment - Date.now()) / 1000);
    const size = Math.abs(seconds);
    if (size < 2) return "now";
    const [, unit, name] = steps.find(([limit]) => size < limit);
    const text = `${Math.floor(size / unit)} ${name}`;
    return seconds < 0 ? `${text} ago` : `in ${text}`;
  }

  function format(element) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    const full = exact.format(moment);
    const form = element.dataset.form;
    const text = form === "exact" ? full : form === "minute" ? minute.format(moment) : relative(moment);
    if (element.textContent !== text) element.textContent = text;
    if (element.title !== full) element.title = full;
  }

  const offsetAt = (moment) => -new Date(moment).getTimezoneOffset();

  function asText(offset) {
    const size = Math.abs(offset);
    const two = (value) => String(value).padStart(2, "0");
    return `${offset < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  }

  // The offset of the viewer's zone at a local time. If the time occurs twice or never because the clocks change,
  // the offsets before and after the change: the server then asks which is meant.
  function offsets(local) {
    const utc = Date.parse(`${local}Z`);
    if (Number.isNaN(utc)) return "";
    const [before, after] = [utc - DAY_MS, utc + DAY_MS].map(offsetAt);
    const matching = [before, after].filter((offset) => offsetAt(utc - offset * MINUTE_MS) === offset);
    if (before === after || matching.length === 1) return asText(matching[0] ?? before);
    return `${asText(before)},${asText(after)}`;
  }

  function localText(moment) {
    const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * MINUTE_MS);
    return shifted.toISOString().slice(0, 16);
  }

  // <input type="datetime-local" name="run-at" data-local data-utc="...">: beside it are run-at_offset and run-at_at.
  function prepare(input) {
    if (input.dataset.utc && !input.dataset.shown) input.value = localText(new Date(input.dataset.utc));
    input.dataset.shown = "yes";
    input.form.elements[`${input.name}_offset`].value = offsets(input.value);
  }

  // Another time was typed, so the instant that the field was filled with no longer counts.
  function changed(input) {
    prepare(input);
    input.closest(".field").querySelector(".readings")?.remove();
    const at = input.form.elements[`${input.name}_at`];
    if (at) at.value = "";
  }

  function all(root = document) {
    root.querySelectorAll("time[datetime]").forEach(format);
    root.querySelectorAll("[data-zone]").forEach((label) => { label.textContent = zone; });
    root.querySelectorAll("input[data-local]").forEach(prepare);
  }

  document.addEventListener("input", ({ target }) => {
    if (target.matches?.("input[data-local]")) changed(target);
  });
  document.addEventListener("DOMContentLoaded", () => all());
  document.addEventListener("htmx:afterSettle", () => all());
  document.addEventListener("live:morphed", () => all());
  setInterval(() => all(), 10000);
})();
