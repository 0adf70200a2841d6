// Draws each chart from its table, and again when the table, the theme or the width changes.
(() => {
  const REDRAW_MS = 2000;
  const drawn = new Map();

  function element(parent, name, text = "") {
    const made = parent.appendChild(document.createElement("span"));
    made.className = name;
    made.textContent = text;
    return made;
  }

  function makeKey({ series, kind, rows }) {
    const key = document.createElement("div");
    key.className = "key";
    for (const { name, label } of series) {
      const item = element(key, "item");
      element(item, `swatch ${kind}`).style.setProperty("--series", `var(--${name})`);
      element(item, "label", label);
      element(item, "amount").dataset.of = name;
    }
    if (rows.some((row) => row.open)) element(element(key, "item"), "swatch open").after("still counting");
    if (kind === "bars" && rows.some(ChartTable.isGap)) element(element(key, "item"), "swatch gap").after("not collected");
    element(key, "span");
    return key;
  }

  // Describes the row under the pointer; without one, what the chart counts.
  function describe({ model, key, scope }, index) {
    const row = model.rows[index];
    const hint = row?.linked ? " · click to list the runs" : "";
    const span = row && `${ChartTable.span(model, row)}${row.open ? ", still counting" : ""}${hint}`;
    key.querySelector(".span").textContent = span ?? scope;
    key.querySelectorAll("[data-of]").forEach((item, i) => {
      const value = row?.values[i];
      item.textContent = row ? (value === null ? "none" : ChartTable.amount(model, value)) : "";
    });
  }

  // A click goes where the link in the table does: to the runs of the bar, or of its span beside a bar.
  function follow(figure, chart, { ctrlKey, metaKey }) {
    const row = chart.model.rows[chart.plot.cursor.idx];
    const line = row && [...figure.querySelectorAll("tr[data-at]")].find(({ dataset }) => Date.parse(dataset.at) / 1000 === row.at);
    const bar = line?.cells[1 + ChartPaint.pointedSeries(chart)];
    const link = bar?.querySelector("a") ?? line?.cells[0].querySelector("a");
    link?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey }));
  }

  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = drawn.get(target.parentElement);
      if (chart && target.clientWidth) chart.plot.setSize({ width: target.clientWidth, height: target.clientHeight });
    }
  });

  function build(place, model, scope) {
    const figure = place.closest("figure");
    forget(place);
    place.replaceChildren();
    if (!model.rows.length) return null;
    const chart = { model, scope, key: makeKey(model) };
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    place.append(chart.key, canvas);
    const options = ChartPaint.options(chart, canvas, (index) => describe(chart, index));
    chart.plot = new uPlot(options, ChartTable.columns(model), canvas);
    drawn.set(place, chart);
    describe(chart, null);
    watch.observe(canvas);
    canvas.addEventListener("click", (event) => follow(figure, chart, event));
    return chart;
  }

  function forget(place) {
    drawn.get(place)?.plot.destroy();
    drawn.delete(place);
  }

  function update(chart, model) {
    chart.model = model;
    chart.plot.setData(ChartTable.columns(model));
    describe(chart, chart.plot.cursor.idx);
  }

  // Changes of these need a new legend or axes, not only new bars.
  function shape({ kind, unit, step, series, rows }) {
    return JSON.stringify([kind, unit, step, series, rows.length > 0, rows.some((row) => row.open), rows.some(ChartTable.isGap)]);
  }

  function draw(figure, redraw) {
    const place = figure.querySelector(".plot");
    const model = ChartTable.read(figure);
    const print = JSON.stringify(model);
    let chart = drawn.get(place);
    if (chart && !redraw && chart.print === print) return;
    if (chart && !redraw && shape(chart.model) === shape(model)) update(chart, model);
    else chart = build(place, model, figure.dataset.scope);
    if (chart) chart.print = print;
  }

  function all(redraw = false) {
    for (const place of [...drawn.keys()]) if (!place.isConnected) forget(place);
    document.querySelectorAll("figure[data-chart]").forEach((figure) => draw(figure, redraw));
  }

  document.addEventListener("preferences:changed", () => all(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(true));
  for (const event of ["DOMContentLoaded", "htmx:afterSettle", "live:morphed"]) document.addEventListener(event, () => all());
  setInterval(() => {
    if (!document.hidden) document.querySelectorAll("figure[data-last]").forEach((figure) => draw(figure));
  }, REDRAW_MS);
})();
