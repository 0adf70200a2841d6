// Reads the table of a chart: <figure class="chart" data-chart="bars|lines" data-unit data-step>. A row is a span of
// `step` seconds from data-at; a cell without a value is a gap; data-open marks a span that is not over. With data-last
// the x axis shows that many last seconds, and missing rows count as zero.
const ChartTable = (() => {
  const format = (options) => ({
    format: (date) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone: Preferences.zone() }).format(date),
  });
  const day = format({ day: "numeric", month: "short" });
  const clock = format({ hour: "2-digit", minute: "2-digit" });
  const second = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const moment = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

  function read(figure) {
    const { chart, unit, step, last } = figure.dataset;
    const heads = [...figure.querySelectorAll("th[data-series]")];
    const table = {
      kind: chart, unit, step: +step, last: +last || 0,
      series: heads.map((head) => ({ name: head.dataset.series, label: head.textContent.trim() })),
      rows: [...figure.querySelectorAll("tbody tr[data-at]")].map(readRow),
    };
    return table.last ? lastSeconds(table) : table;
  }

  function readRow(row) {
    const cells = [...row.querySelectorAll("td[data-value]")];
    return {
      at: Date.parse(row.dataset.at) / 1000,
      open: "open" in row.dataset,
      linked: Boolean(row.cells[0].querySelector("a")),
      values: cells.map(({ dataset }) => (dataset.value === "" ? null : +dataset.value)),
    };
  }

  // The browser's clock moves the axis, but must not hide a row, since the server's clock may differ.
  function lastSeconds(table) {
    const { step, last, rows } = table;
    const oldest = Math.min(Math.floor(Date.now() / 1000 / step) * step, ...rows.map((row) => row.at + last));
    const end = Math.max(oldest, ...rows.map((row) => row.at + step));
    const known = new Map(rows.map((row) => [row.at, row]));
    const none = table.series.map(() => 0);
    const all = Array.from({ length: last / step }, (_, i) => end - last + i * step);
    return { ...table, rows: all.map((at) => known.get(at) ?? { at, open: false, values: none }) };
  }

  // Points are in the middle of their span; for stacked bars, each value is the upper end of its bar.
  function columns({ rows, series, kind, step }) {
    const end = (values, i) => values.slice(0, i + 1).reduce((sum, each) => sum + each, 0);
    const line = (i) => rows.map(({ values }) => (values[i] === null || kind !== "bars" ? values[i] : end(values, i)));
    return [rows.map((row) => row.at + step / 2), ...series.map((_, i) => line(i))];
  }

  function duration(ms) {
    if (!ms) return "0";
    if (ms < 999.5) return `${Math.round(ms)} ms`;
    if (ms < 59950) return `${+(ms / 1000).toFixed(1)} s`;
    return `${+(ms / 60000).toFixed(1)} min`;
  }

  function span(table, row) {
    const from = new Date(row.at * 1000);
    const to = new Date((row.at + table.step) * 1000);
    if (table.step < 60) return second.format(from);
    return `${moment.format(from)} to ${table.step < 86400 ? clock.format(to) : moment.format(to)}`;
  }

  // The label of a tick on the x axis, whose ticks are `apart` seconds apart.
  function mark(table, seconds, apart) {
    const at = new Date(seconds * 1000);
    if (table.step < 60) return second.format(at);
    return apart >= 86400 || clock.format(at) === "00:00" ? day.format(at) : clock.format(at);
  }

  return {
    read, columns, span, mark,
    isGap: (row) => row.values.every((each) => each === null),
    amount: (table, value) => (table.unit === "ms" ? duration(value) : Math.round(value).toLocaleString("en")),
  };
})();
