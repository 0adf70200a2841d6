// Draws the ticks of the page Upcoming at whole hours of the viewer's zone, and says the times of the bars in it.
(() => {
  const QUARTER_MS = 15 * 60000;
  const timeZone = () => (typeof Preferences === "undefined" ? undefined : Preferences.zone());
  const format = (options) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone: timeZone() });

  function element(parent, name, attributes) {
    const made = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // A zone can be a quarter of an hour beside UTC, and its clocks can change.
  function draw({ dataset, firstElementChild }, ticks) {
    const [from, to] = [Date.parse(dataset.from), Date.parse(dataset.to)];
    const clock = format({ hour: "2-digit", minute: "2-digit" });
    const day = format({ weekday: "short", day: "numeric" });
    ticks.replaceChildren();
    for (let at = Math.ceil(from / QUARTER_MS) * QUARTER_MS; at <= to; at += QUARTER_MS) {
      const [hour, minute] = clock.format(at).split(":").map(Number);
      if (minute || hour % dataset.hours) continue;
      const percent = (100 * (at - from)) / (to - from);
      const x = `${percent}%`;
      element(ticks, "line", { x1: x, x2: x, y1: 18, y2: "100%" });
      if (percent > 11) element(ticks, "text", { x, y: 12 }).textContent = hour ? clock.format(at) : day.format(at);
    }
  }

  function say(title, moment) {
    const { first, last, what } = title.dataset;
    const times = [...new Set([first, last])].map((at) => moment.format(Date.parse(at)));
    title.textContent = `${times.join(" to ")}: ${what}`;
  }

  function all() {
    const axis = document.querySelector("#axis");
    if (!axis) return;
    draw(axis, axis.querySelector("#ticks"));
    const moment = format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    axis.querySelectorAll("title").forEach((title) => say(title, moment));
  }

  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "live:morphed", "preferences:changed"]) document.addEventListener(event, all);
})();
