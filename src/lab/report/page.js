// Draws each canvas from the figures in #charts. What is drawn, and in which words, is decided by who
// wrote them; here is only how it looks.
"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 40rem)");

  // A mode has the same colour, dash and shape everywhere; each of the three tells it by itself.
  const STYLES = {
    "thread-race": ["#9a5b13", "#e0a458", [2, 3], "crossRot"],
    "process-race": ["#b3453c", "#f08a80", [2, 3], "cross"],
    "thread-mutex": ["#7a6a00", "#d9c64a", [8, 4], "rect"],
    "process-mutex": ["#7b4bb0", "#c3a1ee", [8, 4], "rectRot"],
    "thread-ring": ["#0b7a52", "#5fd3a4", [], "triangle"],
    "process-ring": ["#0b5c8e", "#6cb9ee", [], "circle"],
    "thread-alone": ["#666666", "#aaaaaa", [1, 2], "dash"],
    "process-robust-mutex": ["#a03a78", "#f09aca", [12, 3, 3, 3], "rectRounded"],
    "process-message-queue": ["#4d6b1f", "#a9cf6c", [12, 3, 3, 3], "star"],
    "process-pipe": ["#2f6f7a", "#7fccd8", [4, 2], "line"],
  };
  const others = [["#444", "#ccc", [10, 2], "rectRounded"], ["#a35", "#f8a", [5, 2], "star"]];
  const style = (name, at) => STYLES[name] || others[at % others.length];

  const digits = (n) => Number(n.toPrecision(3)).toString();
  const counted = (n) => n >= 1e6 ? digits(n / 1e6) + " M" : n >= 1e3 ? digits(n / 1e3) + " k" : digits(n);
  const timed = (n) => n >= 1e9 ? digits(n / 1e9) + " s" : n >= 1e6 ? digits(n / 1e6) + " ms"
    : n >= 1e3 ? digits(n / 1e3) + " us" : digits(n) + " ns";
  const format = (unit) => unit === "time" ? timed : counted;

  /// Where a number lies on an axis of labels, between two of them by its logarithm.
  function place(scale, labels, number) {
    const values = labels.map(Number);
    if (!(number >= values[0] && number <= values[values.length - 1])) return null;
    const above = values.findIndex((value) => value >= number);
    if (above === 0) return scale.getPixelForValue(0);
    const part = Math.log(number / values[above - 1]) / Math.log(values[above] / values[above - 1]);
    const from = scale.getPixelForValue(above - 1);
    return from + part * (scale.getPixelForValue(above) - from);
  }

  const extras = (chart, ink) => ({
    id: "extras",
    afterDatasetsDraw(drawn) {
      const pen = drawn.ctx, x = drawn.scales.x, y = drawn.scales.y, area = drawn.chartArea;
      pen.save();
      chart.series.forEach((series, i) => {
        if (!series.low || !drawn.isDatasetVisible(i)) return;
        pen.strokeStyle = drawn.data.datasets[i].borderColor;
        pen.lineWidth = 1.5;
        drawn.getDatasetMeta(i).data.forEach((point, at) => {
          if (series.low[at] === null || series.low[at] === undefined) return;
          const low = y.getPixelForValue(series.low[at]), high = y.getPixelForValue(series.high[at]);
          pen.beginPath();
          pen.moveTo(point.x, low); pen.lineTo(point.x, high);
          pen.moveTo(point.x - 3, low); pen.lineTo(point.x + 3, low);
          pen.moveTo(point.x - 3, high); pen.lineTo(point.x + 3, high);
          pen.stroke();
        });
      });
      pen.strokeStyle = pen.fillStyle = ink;
      pen.font = "11px system-ui, sans-serif";
      pen.lineWidth = 1;
      const at = chart.mark ? place(x, chart.x.labels, chart.mark.at) : null;
      if (at !== null) {
        pen.setLineDash([3, 3]);
        pen.beginPath(); pen.moveTo(at, area.top); pen.lineTo(at, area.bottom); pen.stroke();
        pen.fillText(chart.mark.at + " " + chart.mark.label, at + 4, area.bottom - 6);
      }
      pen.restore();
    },
  });

  function dataset(chart, series, at) {
    const [light, bright, dash, shape] = style(series.name, at);
    const colour = dark.matches ? bright : light;
    return {
      label: series.name,
      data: chart.y.log ? series.values.map((value) => value > 0 ? value : null) : series.values,
      borderColor: colour, backgroundColor: colour, borderWidth: 2, borderDash: dash,
      pointStyle: shape, pointRadius: 5, pointHoverRadius: 7, pointBorderWidth: 2,
      showLine: chart.kind !== "points", spanGaps: true,
    };
  }

  /// What no mode has, but all are held against: the same for every number of writers.
  const level = (chart, ink) => ({
    label: chart.level.label, data: chart.x.labels.map(() => chart.level.value),
    borderColor: ink, backgroundColor: ink, borderWidth: 1, borderDash: [1, 3],
    pointStyle: "line", pointRadius: 0,
  });

  function axis(is, ink, rule, unit) {
    return {
      type: is.log ? "logarithmic" : unit ? "linear" : "category",
      title: { display: true, text: is.label, color: ink },
      ticks: {
        color: ink, maxRotation: 60, autoSkip: Boolean(unit),
        ...(unit ? { maxTicksLimit: 9, callback: (value) => format(unit)(Number(value)) } : {}),
      },
      grid: { color: rule },
      ...(unit === "plain" ? { min: 0, max: 1.05 } : {}),
      ...(unit ? {} : { offset: true }),
      ...(is.log ? { afterBuildTicks: thin } : {}),
    };
  }

  /// Of a logarithmic axis: as few numbers as tell where one is.
  function thin(scale) {
    const wide = scale.max / scale.min > 300;
    const keep = wide ? [1] : scale.max / scale.min > 20 ? [1, 3] : [1, 2, 3, 5, 7];
    scale.ticks = scale.ticks.filter((tick) => {
      const digit = tick.value / 10 ** Math.floor(Math.log10(tick.value) + 1e-9);
      return keep.some((kept) => Math.abs(digit - kept) < 1e-6);
    });
  }

  /// From the least to the most of all that is drawn, with some room.
  function range(chart) {
    const level = chart.level ? [chart.level.value] : [];
    const all = [...level, ...chart.series.flatMap((series) =>
      [...series.values, ...(series.low || []), ...(series.high || [])])].filter((value) => value > 0);
    return all.length ? { min: Math.min(...all) * 0.8, max: Math.max(...all) * 1.25 } : {};
  }

  function draw(canvas) {
    const chart = charts[Number(canvas.dataset.chart)];
    const colours = getComputedStyle(document.documentElement);
    const colour = (name) => colours.getPropertyValue(name).trim();
    const ink = colour("--ink"), rule = colour("--rule");
    return new Chart(canvas, {
      type: "line",
      data: {
        labels: chart.x.labels,
        datasets: [...chart.series.map((series, at) => dataset(chart, series, at)),
          ...(chart.level ? [level(chart, ink)] : [])],
      },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false,
        scales: {
          x: axis(chart.x, ink, rule, null),
          y: { ...axis(chart.y, ink, rule, chart.y.unit), ...(chart.y.log ? range(chart) : {}) },
        },
        interaction: { mode: "nearest", intersect: false },
        plugins: {
          legend: {
            position: narrow.matches ? "bottom" : "top",
            labels: { color: ink, usePointStyle: true, padding: narrow.matches ? 8 : 12 },
          },
          tooltip: {
            callbacks: { label: (item) => item.dataset.label + ": " + format(chart.y.unit)(item.raw) },
          },
        },
      },
      plugins: [extras(chart, ink)],
    });
  }

  let drawn = [];
  function drawAll() {
    drawn.forEach((chart) => chart.destroy());
    drawn = [...document.querySelectorAll("canvas[data-chart]")].map(draw);
  }
  drawAll();
  dark.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
})();
