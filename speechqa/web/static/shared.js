// What the served pages and the files of a report do alike: tables that sort, scores over days.
"use strict";

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.hasAttribute("data-off")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      const numbers = head.classList.contains("n") && head.dataset.first !== "up";
      const up = was ? was === "descending" : !numbers;
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const value = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
      const compare = (a, b) => {
        const x = value(a), y = value(b);
        const known = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
        const order = known ? Number(x) - Number(y) : x.localeCompare(y, undefined, { numeric: true });
        return up ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}

const DAY_S = 86400;

// A score over days, drawn by uPlot from the table beneath it, which is all there is without a
// script. Colours come from the style sheet, and again when the system turns dark or light.
function overTime(figure) {
  const place = figure.querySelector(".plot"), told = figure.querySelector(".told");
  const rows = [...figure.querySelectorAll("tbody tr")];
  const days = rows.map((row) => Date.parse(`${row.dataset.day}T00:00:00Z`) / 1000);
  const figures = (name) => rows.map((row) => (row.dataset[name] ? Number(row.dataset[name]) : null));
  const [score, low, high] = ["score", "low", "high"].map(figures);
  const least = Math.min(90, ...[...low, ...score].filter((one) => one !== null));
  const floor = Math.max(0, 10 * Math.floor(least / 10));
  const tell = (at) => {
    told.textContent = [...rows[at ?? rows.length - 1].cells].map((one) => one.textContent).join(" · ");
  };
  const reaches = (plot, colour) => {
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = colour;
    pen.globalAlpha = 0.3;
    pen.lineWidth = 3 * devicePixelRatio;
    pen.beginPath();
    days.forEach((day, at) => {
      if (low[at] === null || high[at] === null) return;
      const x = plot.valToPos(day, "x", true);
      pen.moveTo(x, plot.valToPos(Math.max(floor, low[at]), "y", true));
      pen.lineTo(x, plot.valToPos(Math.min(100, high[at]), "y", true));
    });
    pen.stroke();
    pen.restore();
  };
  const draw = () => {
    const style = getComputedStyle(figure);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--dim"),
      font: `12px ${style.fontFamily}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    place.replaceChildren();
    return new uPlot({
      width: place.clientWidth,
      height: place.clientHeight,
      legend: { show: false },
      cursor: { y: false },
      tzDate: (s) => uPlot.tzDate(new Date(1000 * s), "Etc/UTC"),
      scales: {
        x: { range: (_, from, to) => [from - DAY_S / 2, to + DAY_S / 2] },
        y: { range: [floor, 100] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 28,
          space: 56,
          incrs: [1, 2, 7, 14, 91, 365].map((n) => n * DAY_S),
          values: (_, marks) => marks.map((s) => new Date(1000 * s).toISOString().slice(5, 10)),
        },
        { ...axis, size: 44 },
      ],
      series: [
        {},
        {
          stroke: colour("--accent"),
          width: 1.8,
          spanGaps: true,
          points: { show: true, size: 7, fill: colour("--accent"), stroke: colour("--panel") },
        },
      ],
      hooks: {
        drawAxes: [(plot) => reaches(plot, colour("--accent"))],
        setCursor: [(plot) => tell(plot.cursor.idx)],
      },
    }, [days, score], place);
  };
  figure.classList.add("drawn");
  figure.querySelector("details").open = false;
  tell(null);
  let plot = draw();
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: place.clientHeight }))
    .observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot.destroy();
    plot = draw();
  });
}

// Brings to life what is below an element.
function liven(root) {
  root.querySelectorAll("table.sortable").forEach(sortable);
  root.querySelectorAll("figure.over-time").forEach(overTime);
}
