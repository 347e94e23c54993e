// What of the graph is to be seen, where it stands, and the SVG of it. Data are only ever text: never markup.

const SVG = "http://www.w3.org/2000/svg";
const data = JSON.parse(document.getElementById("data").textContent);
const { records, boxes, steps } = data;
const FONT = '11px "DejaVu Sans Mono", Menlo, Consolas, monospace';
const LINE = 14, PAD = 8, TITLE = 20, MARGIN = 14, COPY_ABOVE = 4, MOST = 3000;
const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();
const parts = new Map();
for (const [, , , grads] of steps) for (const [record] of grads) parts.set(record, (parts.get(record) || 0) + 1);
const shown = { nodes: new Map(), edges: [], w: 0, h: 0 };

boxes.forEach((box, id) => (box.id = id));
const depthOf = (id) => {
  let depth = 0;
  while ((id = boxes[id].parent) !== null) depth++;
  return depth;
};
const byDepth = boxes.map((box) => box.id).sort((a, b) => depthOf(b) - depthOf(a));

function width(text, bold) {
  const key = (bold ? "b" : "n") + text;
  if (!widths.has(key)) {
    pen.font = (bold ? "bold " : "") + FONT;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

function el(name, attributes, parent, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// The outermost folded box that holds a record, or the record itself.
function seen(index) {
  let at = "r" + index;
  for (let box = records[index].box; box !== null; box = boxes[box].parent) if (!boxes[box].open) at = "b" + box;
  return at;
}

const parentOf = (key) => (key[0] === "b" ? boxes[+key.slice(1)].parent : records[+key.slice(1).split("_")[0]].box);

function chain(key, home) {
  const path = [];
  for (let box = key === null ? home : parentOf(key); box !== null; box = boxes[box].parent) path.push(box);
  return path.reverse();
}

function makeNode(key) {
  if (key[0] === "b") {
    const box = boxes[+key.slice(1)];
    return { key, kind: "folded", head: "▸ " + box.title, lines: box.text.split("\n").filter(Boolean), ports: [] };
  }
  const r = records[+key.slice(1)];
  const grad = r.grad === null && !parts.has(+key.slice(1)) ? undefined : r.grad;
  return { key, kind: r.kind, head: r.head, lines: r.lines, grad, ports: r.ports, root: r.root,
    parts: parts.get(+key.slice(1)) };
}

function measure(node) {
  const texts = [width("▶ " + node.head, true), ...node.lines.map((text) => width(text, false))];
  if (node.grad !== undefined) {
    node.gradLines = (node.grad === null ? "" : node.grad).split("\n").length;
    const state = node.parts > 1 ? "  (1 of 2 parts)" : "";
    for (const line of (node.grad || "").split("\n")) texts.push(width("grad " + line + state, false));
  }
  node.w = Math.max(...texts) + 2 * PAD;
  if (node.ports.length) {
    node.cells = node.ports.map((port) => Math.max(...port.split("\n").map((line) => width(line, false))) + 2 * PAD);
    node.w = Math.max(node.w, node.cells.reduce((a, b) => a + b, 0));
    const stretch = node.w / node.cells.reduce((a, b) => a + b, 0);
    node.cells = node.cells.map((cell) => cell * stretch);
    node.portLines = Math.max(...node.ports.map((port) => port.split("\n").length));
  }
  const rows = 1 + node.lines.length + (node.grad === undefined ? 0 : node.gradLines) + (node.portLines || 0);
  node.h = rows * LINE + PAD + (node.ports.length ? 4 : 0);
}

function portAt(node, n) {
  if (!node.cells || n === null) return null;
  return node.cells.slice(0, n).reduce((a, b) => a + b, 0) + node.cells[n] / 2;
}

// Decide what is to be seen, lay it out from the innermost boxes outwards, and draw it.
function arrange() {
  const nodes = new Map(), edges = new Map(), uses = new Map();
  for (const key of Object.keys(records)) {
    const at = seen(+key);
    if (!nodes.has(at)) nodes.set(at, makeNode(at));
  }
  for (const key of Object.keys(records)) {
    const to = seen(+key);
    records[key].inputs.forEach((source, n) => {
      if (source === null) return;
      const from = seen(source);
      if (from === to) return;
      const port = to[0] === "r" ? n : null;
      const name = from + ">" + to + ">" + port;
      if (edges.has(name)) return;
      edges.set(name, { from, to, port, sources: [[source, +key, n]] });
      if (from[0] === "r" && !records[source].op) uses.set(from, (uses.get(from) || 0) + 1);
    });
  }
  copyLeaves(nodes, edges, uses);
  const children = boxes.map(() => []);
  for (const node of nodes.values()) {
    measure(node);
    node.home = node.home ?? parentOf(node.key);
    children[node.home].push(node);
  }
  const openBoxes = new Map();
  for (const id of byDepth) {
    if (id && chain(null, id).every((box) => boxes[box].open) && children[id].length) {
      openBoxes.set(id, { key: "f" + id, frame: id, home: boxes[id].parent });
      children[boxes[id].parent].push(openBoxes.get(id));
    }
  }
  const levels = boxes.map(() => []);
  for (const edge of edges.values()) route(edge, nodes, openBoxes, children, levels);
  for (const id of byDepth) if (!id || openBoxes.has(id)) placeLevel(id, children[id], levels[id], openBoxes);
  for (const id of [...byDepth].reverse()) {
    const origin = id ? openBoxes.get(id) : { X: 0, Y: 0 };
    if (!origin) continue;
    const [x, y] = [origin.X + (id ? MARGIN : 0), origin.Y + (id ? MARGIN + TITLE : 0)];
    for (const child of children[id]) [child.X, child.Y] = [x + child.x, y + child.y];
    for (const part of levels[id]) part.origin = [x, y];
  }
  draw(nodes, [...edges.values()], openBoxes);
}

// Cut an edge into one part for each box that it leaves or enters; it crosses a border at a place of its own.
function route(edge, nodes, openBoxes, children, levels) {
  const a = nodes.get(edge.from), b = nodes.get(edge.to);
  const up = chain(null, a.home), down = chain(null, b.home);
  let shared = 0;
  while (shared < up.length && up[shared] === down[shared]) shared++;
  edge.parts = [];
  const add = (box, from, to) => {
    const part = { from, to, edge };
    edge.parts.push(part);
    levels[box].push(part);
  };
  const gate = (box, end) => {
    const item = { key: `${end}${box}:${edge.from}>${edge.to}>${edge.port}`, end, w: 4, h: 0, home: box };
    children[box].push(item);
    return item;
  };
  let from = { item: a, at: null };
  for (let n = up.length - 1; n >= shared; n--) {
    const out = gate(up[n], "bottom");
    add(up[n], from, { item: out, at: null });
    from = { item: openBoxes.get(up[n]), at: out };
  }
  let level = up[shared - 1];
  for (let n = shared; n < down.length; n++) {
    const into = gate(down[n], "top");
    add(level, from, { item: openBoxes.get(down[n]), at: into });
    from = { item: into, at: null };
    level = down[n];
  }
  add(level, from, { item: b, at: null });
}

// A leaf with many uses is drawn again at each of them: one node would pull everything together.
function copyLeaves(nodes, edges, uses) {
  for (const edge of edges.values()) {
    if (!(uses.get(edge.from) > COPY_ABOVE)) continue;
    const target = nodes.get(edge.to), key = edge.from + "_" + edge.to;
    const original = nodes.get(edge.from);
    original.first ??= edge.to;
    if (original.first === edge.to) continue;
    if (!nodes.has(key)) {
      const r = records[+edge.from.slice(1)];
      nodes.set(key, { key, kind: r.kind + " copy", head: r.name || r.kind, lines: ["copy of #" + edge.from.slice(1)],
        ports: [], home: parentOf(target.key) });
    }
    edge.from = key;
  }
}

function order(item) {
  if (item.end) return item.end === "top" ? -1 : Infinity;
  if (item.key[0] === "r") return +item.key.slice(1).split("_")[0];
  return firstIn(boxes[item.frame ?? +item.key.slice(1)]);
}

function firstIn(box) {
  for (;;) {
    const record = box.steps.find((step) => step >= 0), inner = box.steps.find((step) => step < 0);
    if (record !== undefined) return record;
    if (inner === undefined) return box.leaves[0] ?? 0;
    box = boxes[-inner];
  }
}

function isLeaf(item) {
  if (item.end) return false;
  if (item.key[0] === "r") return item.kind !== "operation";
  return boxes[item.frame ?? +item.key.slice(1)].kind === "leaves";
}

// Where a part of an edge meets its item, from the item's left edge: at a port, or where it crosses a frame.
function meets({ item, at }, edge, ends) {
  if (at) return at.x + MARGIN + at.w / 2;
  return ends && item.key === edge.to ? portAt(item, edge.port) : null;
}

function placeLevel(id, items, parts, openBoxes) {
  items.forEach((item) => (item.leaf = isLeaf(item)));
  items.sort((a, b) => b.leaf - a.leaf || order(a) - order(b));
  const position = new Map(items.map((item, n) => [item, n]));
  const made = layoutLevel(items, parts.map(({ from, to, edge }) => [
    position.get(from.item), position.get(to.item), meets(from, edge, false), meets(to, edge, true),
  ]));
  parts.forEach((part, n) => (part.bends = made.bends[n]));
  if (id) {
    const frame = openBoxes.get(id);
    frame.w = Math.max(made.w + 2 * MARGIN, width("▾ " + boxes[id].title, true) + 2 * PAD);
    frame.h = made.h + 2 * MARGIN + TITLE;
  } else {
    [shown.w, shown.h] = [made.w, made.h];
  }
}

function draw(nodes, edges, openBoxes) {
  const [frames, lines, cards] = ["frames", "edges", "nodes"].map((id) => document.getElementById(id));
  for (const group of [frames, lines, cards]) group.replaceChildren();
  for (const [id, frame] of [...openBoxes].sort((a, b) => depthOf(a[0]) - depthOf(b[0]))) {
    const g = el("g", { class: "frame " + boxes[id].kind, "data-box": id }, frames);
    el("rect", { class: "border", x: frame.X, y: frame.Y, width: frame.w, height: frame.h, rx: 8 }, g);
    el("rect", { class: "title", x: frame.X, y: frame.Y, width: width("▾ " + boxes[id].title, true) + 2 * PAD,
      height: TITLE, rx: 6 }, g);
    el("text", { class: "head", x: frame.X + PAD, y: frame.Y + 14 }, g, "▾ " + boxes[id].title);
  }
  shown.nodes = nodes;
  shown.edges = edges;
  for (const node of nodes.values()) drawNode(node, cards);
  for (const edge of edges) drawEdge(edge, nodes, lines);
}

function drawNode(node, parent) {
  const g = el("g", { class: "node " + node.kind + (node.root ? " result" : ""), "data-key": node.key,
    transform: `translate(${node.X} ${node.Y})` }, parent);
  node.g = g;
  const round = node.kind === "operation" ? 0 : 8;
  el("rect", { width: node.w, height: node.h, rx: round }, g);
  let y = 0;
  if (node.ports.length) {
    let x = 0;
    node.ports.forEach((port, n) => {
      port.split("\n").forEach((line, k) =>
        el("text", { x: x + node.cells[n] / 2, y: 12 + k * LINE, "text-anchor": "middle" }, g, line));
      if (n) el("line", { x1: x, y1: 0, x2: x, y2: node.portLines * LINE + 2, stroke: "currentColor" }, g);
      x += node.cells[n];
    });
    y = node.portLines * LINE + 4;
    el("line", { x1: 0, y1: y - 2, x2: node.w, y2: y - 2, stroke: "currentColor" }, g);
  }
  const write = (text, kind) => {
    y += LINE;
    return el("text", { x: node.w / 2, y: y - 1, "text-anchor": "middle", class: kind }, g, text);
  };
  node.headText = write(node.head, "head");
  node.texts = node.lines.map((line) => write(line, "value"));
  if (node.grad !== undefined) {
    node.gradTexts = [];
    for (let n = 0; n < node.gradLines; n++) node.gradTexts.push(write("", "grad"));
    setGrad(node, node.grad);
  }
}

function setGrad(node, text) {
  const lines = text === null || text === undefined ? [] : text.split("\n");
  node.gradTexts.forEach((element, n) => {
    const line = lines[n] ?? "";
    element.textContent = n === 0 && line ? "grad " + line : line;
  });
}

function drawEdge(edge, nodes, parent) {
  const a = nodes.get(edge.from), b = nodes.get(edge.to);
  const points = [[a.X + a.w / 2, a.Y + a.h]];
  for (const part of edge.parts) {
    const [ox, oy] = part.origin;
    if (part.from.item.end) points.push([part.from.item.X + 2, part.from.item.Y - MARGIN - TITLE]);
    for (const [x, top, bottom] of part.bends) points.push([x + ox, top + oy], [x + ox, bottom + oy]);
    if (part.to.item.end) points.push([part.to.item.X + 2, part.to.item.Y + MARGIN]);
  }
  points.push([b.X + (portAt(b, edge.port) ?? b.w / 2), b.Y]);
  let path = `M${points[0].map((x) => x.toFixed(1)).join(" ")}`;
  for (let n = 1; n < points.length; n++) {
    const [xa, ya] = points[n - 1], [xb, yb] = points[n], middle = (ya + yb) / 2;
    path += "C" + [xa, middle, xb, middle, xb, yb].map((x) => x.toFixed(1)).join(" ");
  }
  edge.path = el("path", { class: "edge", d: path }, parent);
}
