// Draws a chart with uPlot: axes, stacked bars, lines. `chart.model` is the table that ChartTable has read.
const ChartPaint = (() => {
  const FONT = "system-ui, sans-serif";
  const decades = (unit) => Array.from({ length: 10 }, (_, i) => [1, 2, 5].map((digit) => digit * unit * 10 ** i)).flat();
  const COUNTS = decades(1);
  const DURATIONS = [...decades(1).filter((ms) => ms < 20000), 20000, 30000, ...decades(60000)];

  // As the browser computes it: the value of the property itself can be light-dark(...), which a canvas does not know.
  function colour(name) {
    const probe = document.documentElement.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
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

  function place(plot, chart, row) {
    const left = plot.valToPos(row.at, "x", true);
    return { left, width: plot.valToPos(row.at + chart.model.step, "x", true) - left };
  }

  function gaps(plot, chart) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = hatch(ctx, colour("line"));
    for (const row of chart.model.rows.filter(ChartTable.isGap)) {
      const { left, width } = place(plot, chart, row);
      ctx.fillRect(left, bbox.top, width, bbox.height);
    }
    ctx.restore();
  }

  // The bars of a row in canvas pixels, from the axis upwards. Each is three pixels high at least and stands on the one
  // before it, so that one failed run is seen on a thousand that succeeded.
  function segments(plot, chart, at) {
    let bottom = plot.valToPos(0, "y", true);
    return chart.model.rows[at].values.flatMap((size, index) => {
      if (!size) return [];
      const top = Math.min(plot.valToPos(plot.data[index + 1][at], "y", true), bottom - 3 * devicePixelRatio);
      const bar = { index, top, height: bottom - top };
      bottom = top;
      return [bar];
    });
  }

  function bars(plot, chart) {
    const { ctx } = plot;
    const ratio = devicePixelRatio;
    const colours = chart.model.series.map(({ name }) => colour(name));
    ctx.save();
    chart.model.rows.forEach((row, at) => {
      const { left, width } = place(plot, chart, row);
      const space = Math.min(Math.max(width * 0.22, ratio), 8 * ratio);
      ctx.globalAlpha = row.open ? 0.45 : 1;
      for (const { index, top, height } of segments(plot, chart, at)) {
        ctx.fillStyle = colours[index];
        ctx.fillRect(left + space / 2, top, Math.max(width - space, ratio), height);
      }
    });
    ctx.restore();
  }

  // The series whose bar is under the pointer; undefined beside the bars.
  function pointedSeries(chart) {
    const { plot } = chart;
    const y = plot.cursor.top * devicePixelRatio + plot.bbox.top;
    if (chart.model.kind !== "bars" || plot.cursor.idx == null) return undefined;
    return segments(plot, chart, plot.cursor.idx).find(({ top, height }) => y >= top && y <= top + height)?.index;
  }

  // A point between two gaps makes no line, so it is a dot, like the span that is not over yet.
  function dots(plot, chart, index) {
    const line = plot.data[index];
    const alone = (i) => chart.model.rows[i].open || (line[i - 1] == null && line[i + 1] == null);
    return line.flatMap((value, i) => (value != null && alone(i) ? [i] : []));
  }

  function ceiling(data) {
    return Math.max(0, ...data.slice(1).flat()) * 1.1 || 1;
  }

  function reach({ rows, step }) {
    return [rows[0].at, rows[rows.length - 1].at + step];
  }

  function widest(plot, labels) {
    plot.ctx.font = `${11.5 * devicePixelRatio}px ${FONT}`;
    const widths = (labels ?? []).map((each) => plot.ctx.measureText(each).width / devicePixelRatio);
    return 10 + Math.max(24, ...widths);
  }

  function axes(chart) {
    const text = { stroke: colour("muted"), font: `11.5px ${FONT}` };
    const line = colour("line");
    return [
      {
        ...text, size: 24, gap: 4, space: 62, grid: { show: false }, ticks: { stroke: line, size: 4 },
        values: (_, marks, __, ___, apart) => marks.map((each) => ChartTable.mark(chart.model, each, apart)),
      },
      {
        ...text, size: widest, gap: 6, space: 28, grid: { stroke: line, width: 1 }, ticks: { show: false },
        incrs: chart.model.unit === "ms" ? DURATIONS : COUNTS,
        values: (_, marks) => marks.map((each) => ChartTable.amount(chart.model, each)),
      },
    ];
  }

  function line(chart, { name }, index) {
    const points = { show: false, size: 5, fill: colour(name), filter: (plot, i) => dots(plot, chart, i) };
    return { stroke: colour(name), width: 1.75, dash: index ? [5, 4] : [], spanGaps: false, points };
  }

  function options(chart, { clientWidth, clientHeight }, pointed) {
    const stacked = chart.model.kind === "bars";
    const bar = { paths: () => null, points: { show: false } };
    return {
      width: clientWidth, height: clientHeight, padding: [8, 28, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !stacked, size: 7 } },
      scales: { x: { range: () => reach(chart.model) }, y: { range: (plot) => [0, ceiling(plot.data)] } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), Preferences.zone()),
      axes: axes(chart),
      series: [{}, ...chart.model.series.map((each, i) => (stacked ? bar : line(chart, each, i)))],
      hooks: {
        setCursor: [(plot) => pointed(plot.cursor.idx)],
        drawClear: [(plot) => stacked && gaps(plot, chart)],
        draw: [(plot) => stacked && bars(plot, chart)],
      },
    };
  }

  return { options, pointedSeries };
})();
