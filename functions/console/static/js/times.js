// Words times in the viewer's own zone: "3 min ago" with the exact time as a tooltip, and says which zone.
(() => {
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
    const [, unit, word] = steps.find(([limit]) => size < limit);
    const text = `${Math.floor(size / unit)} ${word}`;
    return seconds < 0 ? `${text} ago` : `in ${text}`;
  }

  function word(element) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    const full = exact.format(moment);
    const form = element.dataset.form;
    const text = form === "exact" ? full : form === "minute" ? minute.format(moment) : relative(moment);
    if (element.textContent !== text) element.textContent = text;
    if (element.title !== full) element.title = full;
  }

  // The offset that the viewer's zone has at the typed local time: it goes to the server beside the time.
  function offset(local) {
    const minutes = -new Date(local).getTimezoneOffset();
    if (Number.isNaN(minutes)) return "";
    const size = Math.abs(minutes);
    const two = (value) => String(value).padStart(2, "0");
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  }

  function localText(moment) {
    const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
    return shifted.toISOString().slice(0, 16);
  }

  // <input type="datetime-local" data-offset="field" data-utc="...">: `field` names the hidden input for the offset.
  function prepare(input) {
    const hidden = input.form?.elements[input.dataset.offset];
    if (!hidden) return;
    if (input.dataset.utc && !input.dataset.shown) input.value = localText(new Date(input.dataset.utc));
    input.dataset.shown = "yes";
    hidden.value = offset(input.value);
    for (const label of input.form.querySelectorAll("[data-zone]")) label.textContent = zone;
  }

  function all(root = document) {
    root.querySelectorAll("time[datetime]").forEach(word);
    root.querySelectorAll("[data-zone]").forEach((label) => { label.textContent = zone; });
    root.querySelectorAll("input[data-offset]").forEach(prepare);
  }

  document.addEventListener("input", ({ target }) => {
    if (target.matches?.("input[data-offset]")) target.form.elements[target.dataset.offset].value = offset(target.value);
  });
  document.addEventListener("DOMContentLoaded", () => all());
  document.addEventListener("htmx:afterSettle", () => all());
  document.addEventListener("live:morphed", () => all());
  setInterval(() => all(), 10000);
})();
