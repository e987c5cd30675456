// SPDX-License-Identifier: BSD-3-Clause
// A flight that can be turned: truth a green line, estimates red marks; the frame under the pointer is shown beside it.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("flight-data").textContent);
  const canvas = document.getElementById("flight");
  const context = canvas.getContext("2d");
  const picture = document.getElementById("frame-picture");
  const told = document.getElementById("frame-text");
  const slider = document.getElementById("frame-slider");
  const chooser = document.getElementById("result-chooser");
  const TRUTH = "#009E73", ESTIMATE = "#D55E00", OBJECT = "#444444", REACH = 25;
  // the radius of what is shown, as a share of the canvas: all of it is seen, however it is turned
  const FILL = 0.47;
  const AXIS_COLOURS = ["#D55E00", "#009E73", "#0072B2"];
  const STATES = { "-1": "no answer", 0: "WARMING_UP", 1: "OK", 2: "DEGRADED", 3: "LOST", 4: "STALE" };
  const FEW_EDGES = 50;
  const extents = [0, 1, 2].map((axis) => {
    const ends = data.edges.flatMap((edge) => edge.map((end) => end[axis]));
    return Math.max(...ends) - Math.min(...ends);
  });
  const sheets = data.sheets.sources.map(() => null);
  let result, yaw = -0.9, pitch = 0.6, zoom = 1, pan = [0, 0], centre = [0, 0, 0], radius = 1, chosen = 0, points = {};

  function project(p) {
    const x = p[0] - centre[0], y = p[1] - centre[1], z = p[2] - centre[2];
    const right = x * Math.cos(yaw) + y * Math.sin(yaw), away = -x * Math.sin(yaw) + y * Math.cos(yaw);
    const up = z * Math.cos(pitch) + away * Math.sin(pitch);
    const scale = zoom * FILL * Math.min(canvas.clientWidth, canvas.clientHeight) / radius;
    return [canvas.clientWidth / 2 + pan[0] + scale * right, canvas.clientHeight / 2 + pan[1] - scale * up];
  }

  function fit() {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (const p of result.truth) if (p) for (let k = 0; k < 3; k++) {
      low[k] = Math.min(low[k], p[k]);
      high[k] = Math.max(high[k], p[k]);
    }
    centre = low.map((value, k) => (value + high[k]) / 2);
    radius = Math.hypot(...low.map((value, k) => (high[k] - value) / 2)) || 1;
    zoom = 1;
    pan = [0, 0];
  }

  function line(a, b, colour, width, dash) {
    context.beginPath();
    context.setLineDash(dash || []);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.moveTo(...a);
    context.lineTo(...b);
    context.stroke();
    context.setLineDash([]);
  }

  function drawObject() {
    const width = data.edges.length <= FEW_EDGES ? 1.2 : 0.5;
    for (const [a, b] of data.edges) line(project(a), project(b), OBJECT, width);
    const length = data.edges.length ? 0.4 * Math.max(...extents) : 0.3 * radius;
    for (let axis = 0; axis < 3; axis++) {
      const end = [0, 0, 0];
      end[axis] = length;
      const tip = project(end);
      line(project([0, 0, 0]), tip, AXIS_COLOURS[axis], 2.5);
      context.fillStyle = AXIS_COLOURS[axis];
      context.fillText("xyz"[axis], tip[0] + 4, tip[1] - 2);
    }
  }

  function drawTruth() {
    context.beginPath();
    context.strokeStyle = TRUTH;
    context.lineWidth = 2.5;
    let last = null;
    result.truth.forEach((p, row) => {
      if (!p) { last = null; return; }
      const near = last !== null && result.sequence[row] === result.sequence[last] &&
        result.seconds[row] - result.seconds[last] <= result.gap;
      if (near) context.lineTo(...points.truth[row]); else context.moveTo(...points.truth[row]);
      last = row;
    });
    context.stroke();
  }

  function drawEstimates() {
    context.strokeStyle = context.fillStyle = ESTIMATE;
    context.lineWidth = 1.2;
    points.estimate.forEach((p, row) => {
      if (!p) return;
      if (result.state[row] === 2) context.strokeRect(p[0] - 3, p[1] - 3, 6, 6);
      else if (result.state[row] === 3) {
        line([p[0] - 3, p[1] - 3], [p[0] + 3, p[1] + 3], ESTIMATE, 1.2);
        line([p[0] - 3, p[1] + 3], [p[0] + 3, p[1] - 3], ESTIMATE, 1.2);
      } else context.fillRect(p[0] - 1.7, p[1] - 1.7, 3.4, 3.4);
    });
  }

  function drawScale() {
    const pixels = zoom * FILL * Math.min(canvas.clientWidth, canvas.clientHeight) / radius;
    const rough = 90 / pixels, power = Math.pow(10, Math.floor(Math.log10(rough)));
    const metres = [5, 2, 1].map((k) => k * power).find((value) => value <= rough);
    const y = canvas.clientHeight - 18;
    line([16, y], [16 + metres * pixels, y], "#000000", 2);
    context.fillStyle = "#000000";
    context.fillText(Number(metres.toPrecision(1)) + " " + result.unit, 16, y - 6);
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    context.font = "bold 14px sans-serif";
    points = { truth: result.truth.map((p) => p && project(p)), estimate: result.estimate.map((p) => p && project(p)) };
    drawObject();
    drawTruth();
    drawEstimates();
    const pair = [points.truth[chosen], points.estimate[chosen]];
    if (pair[0] && pair[1]) line(pair[0], pair[1], "#000000", 1.5, [4, 3]);
    pair.forEach((p, which) => {
      if (!p) return;
      context.beginPath();
      context.arc(p[0], p[1], 7, 0, 7);
      context.strokeStyle = which ? ESTIMATE : TRUTH;
      context.lineWidth = 3;
      context.stroke();
    });
    drawScale();
  }

  function showPicture(number) {
    const pen = picture.getContext("2d"), { width, height, side } = data.sheets;
    pen.fillStyle = "#e1e1e1";
    pen.fillRect(0, 0, picture.width, picture.height);
    if (number < 0) return;
    const sheet = Math.floor(number / (side * side)), cell = number % (side * side), row = chosen;
    if (!sheets[sheet]) {
      sheets[sheet] = new Image();
      sheets[sheet].src = data.sheets.sources[sheet];
    }
    const image = sheets[sheet];
    const paint = () => {
      if (row !== chosen) return;
      const left = (cell % side) * width, top = Math.floor(cell / side) * height;
      pen.drawImage(image, left, top, width, height, 0, 0, picture.width, picture.height);
      picture.dataset.row = row;
    };
    if (image.complete) paint(); else image.addEventListener("load", paint);
  }

  function fixed(value, digits, unit) {
    return value === null ? "none" : value.toFixed(digits) + " " + unit;
  }

  function choose(row) {
    chosen = Math.max(0, Math.min(row, result.seconds.length - 1));
    slider.value = chosen;
    const lines = [
      ["frame", chosen + 1 + " of " + result.seconds.length],
      ["sequence", result.sequences[result.sequence[chosen]]],
      ["image", result.image[chosen] || "not kept"],
      ["time", fixed(result.seconds[chosen], 2, "s")],
      ["position error", fixed(result.position[chosen], 4, result.unit)],
      ["orientation error", fixed(result.orientation[chosen], 2, "deg")],
      ["state", STATES[result.state[chosen]] + (result.reason[chosen] ? ": " + result.reason[chosen] : "")],
      ["score", fixed(result.score[chosen], 3, "")],
    ];
    told.replaceChildren(...lines.flatMap(([name, value]) => {
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
    told.dataset.row = chosen;
    showPicture(result.picture[chosen]);
    draw();
  }

  function nearest(x, y) {
    let best = -1, reach = REACH * REACH;
    for (const kind of ["estimate", "truth"]) points[kind].forEach((p, row) => {
      const distance = p ? (p[0] - x) * (p[0] - x) + (p[1] - y) * (p[1] - y) : Infinity;
      if (distance < reach) { reach = distance; best = row; }
    });
    return best;
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = [event.clientX, event.clientY, event.shiftKey || event.button === 2];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      const row = nearest(event.offsetX, event.offsetY);
      if (row >= 0 && row !== chosen) choose(row);
      return;
    }
    const dx = event.clientX - drag[0], dy = event.clientY - drag[1];
    if (drag[2]) pan = [pan[0] + dx, pan[1] + dy];
    else {
      yaw -= 0.008 * dx;
      pitch = Math.max(-1.57, Math.min(1.57, pitch + 0.008 * dy));
    }
    drag = [event.clientX, event.clientY, drag[2]];
    draw();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom = Math.max(0.2, Math.min(40, zoom * Math.exp(-0.0015 * event.deltaY)));
    draw();
  }, { passive: false });
  slider.addEventListener("input", () => choose(Number(slider.value)));
  for (const [name, angles] of Object.entries({ "view-above": [0, 1.57], "view-side": [0, 0], "view-askew": [-0.9, 0.6] }))
    document.getElementById(name).addEventListener("click", () => {
      [yaw, pitch] = angles;
      fit();
      draw();
    });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 25, PageUp: -25 }[event.key];
    if (step) { event.preventDefault(); choose(chosen + step); }
  });
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", draw);

  function show(number) {
    result = data.results[number];
    slider.max = result.seconds.length - 1;
    fit();
    choose(result.worst);
  }
  data.results.forEach((each, number) => chooser.append(new Option(each.name, number)));
  chooser.hidden = data.results.length < 2;
  chooser.addEventListener("change", () => show(Number(chooser.value)));
  show(0);
  // where a frame's true position is on the canvas, for tests and the curious
  window.flightView = { choose, screenOf: (row) => points.truth[row], chosen: () => chosen };
})();
