// Moving about, folding, searching and playing.

const get = (id) => document.getElementById(id);
const graph = get("graph"), world = get("world"), slider = get("slider");
const view = { x: 0, y: 0, scale: 1 };
const fitted = { width: 0, height: 0 };  // the window at the time, and the view that was chosen for it
const play = { at: steps.length, timer: null, computed: new Map(), grads: new Map() };
let hits = [], hit = -1, chosen = null;

// -- moving about ---------------------------------------------------------------------------------------------------

function show() {
  world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
}

function fit() {
  const { width: w, height: h } = graph.getBoundingClientRect();
  view.scale = Math.min(1.5, Math.max(0.02, Math.min((w - 40) / (shown.w || 1), (h - 40) / (shown.h || 1))));
  view.x = (w - shown.w * view.scale) / 2;
  view.y = Math.max(20, (h - shown.h * view.scale) / 2);
  show();
}

// At first letters are to be read: a picture that is far larger than the window begins at its top.
function fitReadable() {
  fit();
  if (view.scale < 0.45) {
    const { width: w } = graph.getBoundingClientRect();
    const first = [...shown.nodes.values()].reduce((a, b) => (b.Y < a.Y ? b : a));
    view.scale = 0.8;
    view.x = w / 2 - (first.X + first.w / 2) * view.scale;
    view.y = 20 - first.Y * view.scale;
    show();
  }
  const { width, height } = graph.getBoundingClientRect();
  Object.assign(fitted, view, { width, height });
}

// A page that is embedded in another one gets its width late: as long as nobody has moved the picture, it is fitted
// anew; after that its middle stays in the middle.
function resized() {
  const { width, height } = graph.getBoundingClientRect();
  if (view.x === fitted.x && view.y === fitted.y && view.scale === fitted.scale) {
    fitReadable();
  } else {
    view.x += (width - fitted.width) / 2;
    view.y += (height - fitted.height) / 2;
    show();
    Object.assign(fitted, { width, height });
  }
}

function zoom(factor, x, y) {
  const scale = Math.min(8, Math.max(0.02, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  show();
}

function zoomMiddle(factor) {
  const { width: w, height: h } = graph.getBoundingClientRect();
  zoom(factor, w / 2, h / 2);
}

function reveal(key) {
  const node = shown.nodes.get(key);
  if (!node) return;
  const { width: w, height: h } = graph.getBoundingClientRect();
  const left = view.x + node.X * view.scale, top = view.y + node.Y * view.scale;
  const right = left + node.w * view.scale, bottom = top + node.h * view.scale;
  if (left < 10 || right > w - 10) view.x += w / 2 - (left + right) / 2;
  if (top < 10 || bottom > h - 10) view.y += h / 2 - (top + bottom) / 2;
  show();
}

graph.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = graph.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

let drag = null;
graph.addEventListener("pointerdown", (event) => (drag = { x: event.clientX, y: event.clientY, moved: false }));
addEventListener("pointermove", (event) => {
  if (!drag) return;
  const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  Object.assign(drag, { x: event.clientX, y: event.clientY, moved: true });
  graph.classList.add("dragging");
  view.x += dx;
  view.y += dy;
  show();
});
addEventListener("pointerup", () => {
  graph.classList.remove("dragging");
  setTimeout(() => (drag = null));
});

// -- folding --------------------------------------------------------------------------------------------------------

function redraw(anchor) {
  const before = anchor && place(anchor);
  arrange();
  const after = before && place(anchor);
  if (after) {
    view.x += (before[0] - after[0]) * view.scale;
    view.y += (before[1] - after[1]) * view.scale;
  }
  show();
  paint();
  mark();
}

// Where a record, or the folded box that holds it, stands: what was clicked stays where it is.
function place(index) {
  const node = shown.nodes.get(seen(index));
  return node && [node.X, node.Y];
}

function toggle(id) {
  boxes[id].open = !boxes[id].open;
  if (boxes[id].open && countVisible() > MOST) {
    boxes[id].open = false;
    return say(`unfolding this would show more than ${MOST} nodes: fold others first`);
  }
  redraw(firstIn(boxes[id]));
}

function countVisible() {
  return new Set(Object.keys(records).map((key) => seen(+key))).size;
}

function setAll(open) {
  const before = boxes.map((box) => box.open);
  for (const box of boxes) if (box.id) box.open = open;
  if (countVisible() > MOST) {
    boxes.forEach((box, id) => (box.open = before[id]));
    return say(`that would show more than ${MOST} nodes: unfold one box at a time`);
  }
  redraw();
  fitReadable();
}

graph.addEventListener("click", (event) => {
  if (drag?.moved) return;
  const frame = event.target.closest(".frame"), node = event.target.closest(".node");
  if (frame && event.target.classList.contains("title")) return toggle(+frame.dataset.box);
  if (!node) return choose(null);
  if (node.dataset.key[0] === "b") return toggle(+node.dataset.key.slice(1));
  choose(node.dataset.key);
});

// -- what is known of a node ----------------------------------------------------------------------------------------

function line(parent, kind, text) {
  const p = document.createElement("p");
  p.className = kind;
  p.textContent = text;
  parent.append(p);
}

function describe(key) {
  const details = get("details");
  details.replaceChildren();
  if (key === null) return;
  if (key[0] === "b") {
    const box = boxes[+key.slice(1)];
    line(details, "head", box.title);
    line(details, "", box.text);
    return line(details, "why", "click to unfold");
  }
  const index = +key.slice(1).split("_")[0], r = records[index];
  line(details, "head", r.head);
  line(details, "", r.details);
  for (const [record, phase, lines] of steps) {
    if (record !== index || phase === "seed") continue;
    for (const [kind, text] of lines) if (kind === "rule") line(details, "rule", text);
  }
}

function choose(key) {
  chosen = key;
  describe(key);
  mark();
}

get("nodes").addEventListener("pointerover", (event) => {
  const node = event.target.closest(".node");
  if (node && !drag) describe(node.dataset.key);
});
get("nodes").addEventListener("pointerleave", () => describe(chosen));

// -- searching ------------------------------------------------------------------------------------------------------

function search() {
  const text = get("search").value.trim().toLowerCase();
  hits = !text ? [] : Object.keys(records).map(Number).filter((index) => {
    const r = records[index];
    return text[0] === "#" ? "#" + index === text
      : r.name.toLowerCase().includes(text) || r.op.includes(text) || r.head.toLowerCase().includes(text);
  });
  hit = -1;
  get("found").value = text ? `${hits.length} found` : "";
  mark();
}

function nextHit() {
  if (!hits.length) return;
  hit = (hit + 1) % hits.length;
  get("found").value = `${hit + 1} of ${hits.length} found`;
  let opened = false;
  for (let box = records[hits[hit]].box; box !== null; box = boxes[box].parent) {
    if (!boxes[box].open) opened = boxes[box].open = true;
  }
  if (opened) redraw();
  choose("r" + hits[hit]);
  reveal("r" + hits[hit]);
}

function mark() {
  const wanted = new Set(hits.map(seen));
  for (const node of shown.nodes.values()) {
    node.g.classList.toggle("hit", wanted.has(node.key));
    node.g.classList.toggle("chosen", node.key === chosen);
  }
}

get("search").addEventListener("input", search);
get("search").addEventListener("keydown", (event) => event.key === "Enter" && nextHit());

// -- playing --------------------------------------------------------------------------------------------------------

// When each record has its value, and what its gradient is after each step that changes it.
steps.forEach(([record, phase, , grads], n) => {
  if (phase === "forward") play.computed.set(record, n + 1);
  for (const [target, text] of grads) {
    if (!play.grads.has(target)) play.grads.set(target, []);
    play.grads.get(target).push([n + 1, text]);
  }
});

function gradAt(index, at) {
  if (at >= steps.length) return records[index].grad;
  let text = null;
  for (const [n, state] of play.grads.get(index) || []) if (n <= at) text = state;
  return text;
}

function paint() {
  const at = play.at, now = at > 0 && at <= steps.length ? steps[at - 1] : null;
  const finished = at === steps.length && play.timer === null && !play.stepped;
  const active = now && !finished ? seen(now[0]) : null;
  const sources = now && !finished ? new Set(records[now[0]].inputs.filter((i) => i !== null)) : new Set();
  const inputs = new Set([...sources].map(seen));
  const waiting = (index) => (play.computed.get(index) ?? 0) > at;
  const done = new Set(), all = new Set();
  for (const key of Object.keys(records)) {
    const place = seen(+key);
    all.add(place);
    if (!waiting(+key)) done.add(place);
  }
  for (const node of shown.nodes.values()) {
    const index = +node.key.slice(1).split("_")[0];
    node.g.classList.toggle("waiting", node.key[0] === "r" ? waiting(index) : !done.has(node.key));
    node.g.classList.toggle("active", node.key === active);
    node.headText.textContent = (node.key === active ? "▶ " : "") + node.head;
    const copyOf = node.key.includes("_") && node.key.endsWith("_" + active) && sources.has(index);
    node.g.classList.toggle("input", node.key !== active && (copyOf || inputs.has(node.key)));
    if (node.gradTexts) setGrad(node, gradAt(index, at));
  }
  for (const edge of shown.edges) {
    const lit = edge.to === active && !(now && now[1] === "seed") && active !== null;
    edge.path.classList.toggle("lit", lit);
    edge.path.classList.toggle("backward", lit && now[1] === "backward");
    edge.path.classList.toggle("waiting", !lit && shown.nodes.get(edge.to).g.classList.contains("waiting"));
  }
}

function tell() {
  const words = get("words"), at = play.at;
  words.replaceChildren();
  const forward = steps.filter((step) => step[1] === "forward").length;
  get("step").value = at === 0 ? `start, ${steps.length} steps` : `step ${at} of ${steps.length}: ${steps[at - 1][1]}`;
  if (at === steps.length && !play.stepped) {
    line(words, "head", `${forward} operations; ${data.results}`);
    line(words, "why", "play, or move the slider, to see them one by one: forward, and then the way back");
    get("step").value = `${steps.length} steps`;
  } else if (at === 0) {
    line(words, "head", "start: the leaves have their values");
    line(words, "why", `then ${forward} operations forward, in the order in which they were recorded, and the way back`);
  } else {
    for (const [kind, text] of steps[at - 1][2]) line(words, kind, text);
  }
}

function go(at, stepped = true) {
  play.at = Math.max(0, Math.min(steps.length, at));
  play.stepped = stepped;
  slider.value = play.at;
  tell();
  paint();
  if (stepped && play.at > 0) reveal(seen(steps[play.at - 1][0]));
}

function stop() {
  clearInterval(play.timer);
  play.timer = null;
  get("play").textContent = "▶ play";
}

function start() {
  if (play.at >= steps.length) go(0);
  get("play").textContent = "❚❚ pause";
  play.timer = setInterval(() => {
    if (play.at >= steps.length) return stop();
    go(play.at + 1);
  }, +get("speed").value);
}

const toggles = { play: () => (play.timer === null ? start() : stop()) };

function say(text) {
  get("note").textContent = text;
}

get("play").addEventListener("click", toggles.play);
get("speed").addEventListener("change", () => play.timer !== null && (stop(), start()));
get("next").addEventListener("click", () => (stop(), go(play.at + 1)));
get("back").addEventListener("click", () => (stop(), go(play.at - 1)));
get("first").addEventListener("click", () => (stop(), go(0)));
get("last").addEventListener("click", () => (stop(), go(steps.length)));
slider.addEventListener("input", () => (stop(), go(+slider.value)));
get("unfold").addEventListener("click", () => setAll(true));
get("fold").addEventListener("click", () => setAll(false));
get("fit").addEventListener("click", fit);
get("turn").addEventListener("click", () => {
  const dark = document.body.dataset.theme === "dark"
    || (document.body.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.body.dataset.theme = dark ? "light" : "dark";
});

addEventListener("keydown", (event) => {
  if (event.target.matches("input[type=search], select")) return;
  const move = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
  const actions = {
    " ": toggles.play, "0": fit, "+": () => zoomMiddle(1.25), "-": () => zoomMiddle(0.8),
    Home: () => (stop(), go(0)), End: () => (stop(), go(steps.length)),
    ArrowRight: () => (stop(), go(play.at + 1)), ArrowLeft: () => (stop(), go(play.at - 1)),
  };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (move && event.shiftKey) {
    view.x += move[0];
    view.y += move[1];
    show();
  } else if (actions[event.key] && !(event.key === " " && event.target.matches("button"))) {
    actions[event.key]();
  } else {
    return;
  }
  event.preventDefault();
});

slider.max = steps.length;
say(data.note);
arrange();
fitReadable();
go(steps.length, false);
addEventListener("resize", resized);
document.body.dataset.ready = "yes";
