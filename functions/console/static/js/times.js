// Shows times in words, in the viewer's zone or in UTC: "3 min ago", "tomorrow 08:00", with the exact time as a tooltip.
// The words are those of formatting.py.
const Times = (() => {
  const MINUTE_MS = 60000;
  const DAY_MS = 24 * 60 * MINUTE_MS;
  const UPDATE_MS = 1000;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const zoneName = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

  const two = (value) => String(value).padStart(2, "0");

  // Minutes from UTC to the zone in which times are shown.
  const offsetAt = (moment) => (Preferences.isUtc() ? 0 : -new Date(moment).getTimezoneOffset());

  // A date whose UTC parts are those of the zone.
  const inZone = (moment) => new Date(moment.getTime() + offsetAt(moment) * MINUTE_MS);

  const clock = (parts) => `${two(parts.getUTCHours())}:${two(parts.getUTCMinutes())}`;
  const dayAndMonth = (parts) => `${parts.getUTCDate()} ${MONTHS[parts.getUTCMonth()]}`;

  const withSeconds = (moment) => `${clock(inZone(moment))}:${two(moment.getUTCSeconds())}`;

  function exact(moment) {
    const parts = inZone(moment);
    const zone = Preferences.isUtc() ? "UTC" : zoneName.formatToParts(moment).find((part) => part.type === "timeZoneName").value;
    return `${dayAndMonth(parts)} ${parts.getUTCFullYear()}, ${withSeconds(moment)} ${zone}`;
  }

  function minute(moment) {
    const parts = inZone(moment);
    return `${dayAndMonth(parts)}, ${clock(parts)}`;
  }

  function inWords(moment, now) {
    const seconds = (moment - now) / 1000;
    const size = Math.abs(seconds);
    if (size < 2) return "just now";
    const about = size < 60 ? `${Math.floor(size)} s` : `${Math.floor(size / 60)} min`;
    if (size < 3600) return seconds < 0 ? `${about} ago` : `in ${about}`;
    const [there, here] = [inZone(moment), inZone(now)];
    const days = Math.floor(there / DAY_MS) - Math.floor(here / DAY_MS);
    return seconds < 0 ? past(there, size, -days) : ahead(there, here, days);
  }

  function past(there, size, days) {
    if (size < 86400) return `${Math.floor(size / 3600)} h ago`;
    if (days === 1) return `yesterday ${clock(there)}`;
    if (days < 7) return `${days} days ago`;
    return days < 300 ? dayAndMonth(there) : `${dayAndMonth(there)} ${there.getUTCFullYear()}`;
  }

  function ahead(there, here, days) {
    if (days === 0) return clock(there);
    if (days === 1) return `tomorrow ${clock(there)}`;
    if (days < 7) return `${WEEKDAYS[there.getUTCDay()]} ${clock(there)}`;
    if (days < 300) return `${dayAndMonth(there)} ${clock(there)}`;
    if (days < 731) return `${dayAndMonth(there)} ${there.getUTCFullYear()}`;
    const isEarlier = there.toISOString().slice(-19, -14) < here.toISOString().slice(-19, -14); // in its year, 12-31 after 11-30
    return `in ${there.getUTCFullYear() - here.getUTCFullYear() - isEarlier} years`;
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function format(element) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    const form = element.dataset.form;
    const print = `${element.dateTime} ${form} ${Preferences.zone()}`;
    if (element.print !== print) {
      element.print = print;
      element.title = exact(moment);
      element.fixed = form === "exact" ? element.title : form === "minute" ? minute(moment) : "";
    }
    const now = new Date();
    const text = element.fixed || (form === "due" && moment <= now ? "due " : "") + inWords(moment, now);
    say(element, text);
  }

  function asText(offset) {
    const size = Math.abs(offset);
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
    return inZone(moment).toISOString().slice(0, 16);
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
    root.querySelectorAll("[data-zone]").forEach((label) => { say(label, Preferences.zone()); });
    root.querySelectorAll("input[data-local]").forEach(prepare);
  }

  document.addEventListener("input", ({ target }) => {
    if (target.matches?.("input[data-local]")) changed(target);
  });

  // In another zone, a time that nobody typed is shown anew, and what was typed means another instant.
  function rezone() {
    document.querySelectorAll("input[data-local][data-utc]:not([data-dirty])").forEach((input) => { delete input.dataset.shown; });
    all();
  }

  document.addEventListener("preferences:changed", rezone);
  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "live:morphed"]) document.addEventListener(event, () => all());
  setInterval(() => { if (!document.hidden) all(); }, UPDATE_MS);
  return { clock: withSeconds };
})();
