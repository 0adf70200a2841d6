// Draws the table behind each chart: <figure class="chart" data-chart="bars|lines" data-unit data-step>. A row is
// a span of `step` seconds that begins at its <time>; a cell without a value is a gap; data-open: not over yet.
// With data-last the x axis is the last so many seconds, and rows that are not there count as zero.
(() => {
  const drawn = new Map();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const format = (options) => new Intl.DateTimeFormat("en-GB", options);
  const day = format({ day: "numeric", month: "short" });
  const clock = format({ hour: "2-digit", minute: "2-digit" });
  const second = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const moment = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

  function duration(ms) {
    if (!ms) return "0";
    if (ms < 999.5) return `${Math.round(ms)} ms`;
    if (ms < 59950) return `${+(ms / 1000).toFixed(1)} s`;
    return `${+(ms / 60000).toFixed(1)} min`;
  }

  function read(figure) {
    const { chart, unit, step, last } = figure.dataset;
    const heads = [...figure.querySelectorAll("th[data-series]")];
    const rows = [...figure.querySelectorAll("tbody tr[data-at]")].map((row) => ({
      at: Date.parse(row.dataset.at) / 1000,
      open: "open" in row.dataset,
      values: [...row.querySelectorAll("td[data-value]")].map((cell) => (cell.dataset.value === "" ? null : +cell.dataset.value)),
    }));
    const series = heads.map((head) => ({ name: head.dataset.series, word: head.textContent.trim() }));
    return { kind: chart, unit, step: +step, last: +last || 0, series, rows };
  }

  // The browser's clock moves the axis; rows from a clock that is ahead of it are in sight too.
  function lastSeconds(model) {
    const { step, last, rows } = model;
    const now = Math.max(Math.floor(Date.now() / 1000 / step) * step, ...rows.map((row) => row.at + step));
    const known = new Map(rows.map((row) => [row.at, row]));
    const none = model.series.map(() => 0);
    const all = Array.from({ length: last / step }, (_, i) => now - last + i * step);
    return { ...model, rows: all.map((at) => known.get(at) ?? { at, open: false, values: none }) };
  }

  const value = (model, amount) => (model.unit === "ms" ? duration(amount) : Math.round(amount).toLocaleString("en"));
  const isGap = (row) => row.values.every((each) => each === null);

  function span(model, row) {
    const from = new Date(row.at * 1000);
    const to = new Date((row.at + model.step) * 1000);
    if (model.step < 60) return second.format(from);
    return `${moment.format(from)} to ${model.step < 86400 ? clock.format(to) : moment.format(to)}`;
  }

  function legend(chart, index) {
    const { model, key } = chart;
    const row = model.rows[index];
    key.querySelector(".span").textContent = row ? `${span(model, row)}${row.open ? ", still counting" : ""}` : chart.scope;
    [...key.querySelectorAll("[data-of]")].forEach((item, i) => {
      item.textContent = !row ? "" : row.values[i] === null ? "none" : value(model, row.values[i]);
    });
  }

  function makeKey(model) {
    const key = document.createElement("div");
    key.className = "key";
    const add = (parent, name, text = "") => {
      const made = parent.appendChild(document.createElement("span"));
      made.className = name;
      made.textContent = text;
      return made;
    };
    for (const { name, word } of model.series) {
      const item = add(key, "item");
      add(item, `swatch ${model.kind}`).style.setProperty("--series", `var(--${name})`);
      add(item, "word", word);
      add(item, "amount").dataset.of = name;
    }
    if (model.rows.some((row) => row.open)) add(add(key, "item"), "swatch open").after("still counting");
    if (model.kind === "bars" && model.rows.some(isGap)) add(add(key, "item"), "swatch gap").after("not collected");
    add(key, "span");
    return key;
  }

  function hatch(context, stroke) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = stroke;
    pen.beginPath();
    for (const x of [-8, 0, 8]) { pen.moveTo(x - 1, 9); pen.lineTo(x + 9, -1); }
    pen.stroke();
    return context.createPattern(tile, "repeat");
  }

  function gaps(plot, chart) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = hatch(ctx, colour("line"));
    for (const row of chart.model.rows.filter(isGap)) {
      const left = plot.valToPos(row.at, "x", true);
      ctx.fillRect(left, bbox.top, plot.valToPos(row.at + chart.model.step, "x", true) - left, bbox.height);
    }
    ctx.restore();
  }

  // Each series stands on those before it; one run among thousands is still seen.
  function bars(plot, chart, index) {
    const { ctx } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.fillStyle = colour(chart.model.series[index - 1].name);
    chart.model.rows.forEach((row, at) => {
      if (!row.values[index - 1]) return;
      const left = plot.valToPos(row.at, "x", true);
      const width = plot.valToPos(row.at + chart.model.step, "x", true) - left;
      const space = Math.min(Math.max(width * 0.22, ratio), 8 * ratio);
      const top = plot.valToPos(plot.data[index][at], "y", true);
      const bottom = plot.valToPos(plot.data[index][at] - row.values[index - 1], "y", true);
      const height = Math.max(bottom - top, 2 * ratio);
      ctx.globalAlpha = row.open ? 0.45 : 1;
      ctx.fillRect(left + space / 2, bottom - height, Math.max(width - space, ratio), height);
    });
    ctx.restore();
  }

  // A point that has gaps on both sides is no line: it is drawn as a dot, and so is the span that is not over.
  function alone(plot, chart, index) {
    const line = plot.data[index];
    const dot = (i) => chart.model.rows[i].open || (line[i - 1] == null && line[i + 1] == null);
    return line.flatMap((each, i) => (each != null && dot(i) ? [i] : []));
  }

  function columns(model) {
    const x = model.rows.map((row) => row.at + model.step / 2);
    const stacked = model.kind === "bars";
    const lines = model.series.map((_, i) => model.rows.map(({ values }) => {
      if (values[i] === null || !stacked) return values[i];
      return values.slice(0, i + 1).reduce((sum, each) => sum + each, 0);
    }));
    return [x, ...lines];
  }

  function ends(model) {
    return [model.rows[0].at, model.rows[model.rows.length - 1].at + model.step];
  }

  function ceiling(data) {
    const most = Math.max(0, ...data.slice(1).flat().filter((each) => each !== null));
    return most === 0 ? 1 : most * 1.1;
  }

  function times(model) {
    return (_, splits, __, ___, step) => splits.map((split) => {
      const at = new Date(split * 1000);
      if (model.step < 60) return second.format(at);
      return step >= 86400 || (at.getHours() === 0 && at.getMinutes() === 0) ? day.format(at) : clock.format(at);
    });
  }

  function axes(chart) {
    const text = { stroke: colour("muted"), font: "11.5px system-ui, sans-serif" };
    const quiet = { show: false };
    const wide = (plot, values) => {
      plot.ctx.font = `${11.5 * devicePixelRatio}px system-ui, sans-serif`;
      return 10 + Math.max(24, ...(values ?? []).map((each) => plot.ctx.measureText(each).width)) / devicePixelRatio;
    };
    return [
      { ...text, size: 24, gap: 4, grid: quiet, ticks: { stroke: colour("line"), size: 4 }, space: 62, values: times(chart.model) },
      {
        ...text, size: wide, gap: 6, space: 28, ticks: quiet, grid: { stroke: colour("line"), width: 1 },
        incrs: chart.model.unit === "ms" ? STEPS_MS : STEPS,
        values: (_, splits) => splits.map((split) => value(chart.model, split)),
      },
    ];
  }
  const decades = (...digits) => Array.from({ length: 10 }, (_, i) => digits.map((digit) => digit * 10 ** i)).flat();
  const STEPS = decades(1, 2, 5);
  const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000, ...decades(1, 2, 5).map((n) => n * 60000)];

  function options(chart, place) {
    const stacked = chart.model.kind === "bars";
    return {
      width: place.clientWidth, height: place.clientHeight, padding: [8, 24, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !stacked, size: 7 } },
      scales: { x: { range: () => ends(chart.model) }, y: { range: (plot) => [0, ceiling(plot.data)] } },
      axes: axes(chart),
      series: [{}, ...chart.model.series.map(({ name }, i) => (stacked
        ? { paths: () => null, points: { show: false } }
        : {
          stroke: colour(name), width: 1.75, dash: i ? [5, 4] : [], spanGaps: false,
          points: { show: false, size: 5, fill: colour(name), filter: (plot, index) => alone(plot, chart, index) },
        }))],
      hooks: {
        setCursor: [(plot) => legend(chart, plot.cursor.idx ?? -1)],
        drawClear: [(plot) => stacked && gaps(plot, chart)],
        drawSeries: [(plot, index) => stacked && index && bars(plot, chart, index)],
      },
    };
  }

  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const { plot } = drawn.get(target.parentElement) ?? {};
      if (plot && target.clientWidth) plot.setSize({ width: target.clientWidth, height: target.clientHeight });
    }
  });

  function build(place, model, scope) {
    forget(place);
    place.replaceChildren();
    if (!model.rows.length) return;
    const key = makeKey(model);
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    place.append(key, canvas);
    const chart = { model, key, scope, plot: null };
    drawn.set(place, chart);
    chart.plot = new uPlot(options(chart, canvas), columns(model), canvas);
    legend(chart, -1);
    watch.observe(canvas);
  }

  function forget(place) {
    const chart = drawn.get(place);
    if (!chart) return;
    chart.plot.destroy();
    drawn.delete(place);
  }

  function draw(figure, anew) {
    const place = figure.querySelector(".plot");
    const table = read(figure);
    const model = table.last ? lastSeconds(table) : table;
    const print = JSON.stringify(model);
    const chart = drawn.get(place);
    if (chart && !anew && chart.print === print) return;
    const shape = JSON.stringify([table.kind, table.series, table.step, table.unit, model.rows.some((row) => row.open), model.rows.some(isGap)]);
    if (chart && !anew && chart.shape === shape && model.rows.length) {
      chart.model = model;
      chart.plot.setData(columns(model));
      legend(chart, chart.plot.cursor.idx ?? -1);
    } else {
      build(place, model, figure.dataset.scope ?? "");
    }
    const kept = drawn.get(place);
    if (kept) Object.assign(kept, { print, shape });
  }

  function all(anew = false) {
    for (const place of [...drawn.keys()]) if (!place.isConnected) forget(place);
    document.querySelectorAll("figure[data-chart]").forEach((figure) => draw(figure, anew));
  }

  dark.addEventListener("change", () => all(true));
  document.addEventListener("DOMContentLoaded", () => all());
  document.addEventListener("htmx:afterSettle", () => all());
  document.addEventListener("live:morphed", () => all());
  setInterval(() => {
    if (!document.hidden) document.querySelectorAll("figure[data-last]").forEach((figure) => draw(figure));
  }, 2000);
})();
