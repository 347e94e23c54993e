"use strict";
// A layered layout of one level of the picture: ranks by longest path, order by barycentres, places by least squares.

const GAP_X = 22, GAP_Y = 34, GAP_GATE = 6, LONGEST_BEND = 40, SWEEPS = 8;

// nodes: [{w, h, leaf, end}] in the order of recording; end is "top" or "bottom" for the place where an edge comes into
// the level or leaves it. edges: [[from, to, where it starts, where it ends]], as distances from the left or null.
// Gives each node x and y (of its top left corner), each edge its bends, and the size of the whole.
function layoutLevel(nodes, edges) {
  const rank = rankNodes(nodes, edges);
  const cells = nodes.map((node, i) => ({ w: node.w, h: node.h, rank: rank[i], up: [], down: [] }));
  const bends = edges.map(([from, to, out, into]) => {
    const steps = [], pull = nodes[from].leaf ? 0.05 : 1;
    const start = out === null ? 0 : out - nodes[from].w / 2, stop = into === null ? 0 : into - nodes[to].w / 2;
    let before = from, shift = start;
    const span = rank[to] - rank[from];
    if (span > 1 && span <= LONGEST_BEND) {
      for (let r = rank[from] + 1; r < rank[to]; r++) {
        cells.push({ w: 4, h: 0, rank: r, up: [], down: [] });
        join(cells, before, cells.length - 1, shift, 0, before === from ? pull : 8 * pull);
        before = cells.length - 1;
        shift = 0;
        steps.push(before);
      }
    }
    if (span > 0) join(cells, before, to, shift, stop, pull);
    return steps;
  });
  const ranks = [];
  cells.forEach((cell, i) => (ranks[cell.rank] ||= []).push(i));
  for (let r = 0; r < ranks.length; r++) ranks[r] ||= [];
  orderRanks(cells, ranks);
  placeRanks(cells, ranks);
  let y = 0;
  for (const row of ranks) {
    const height = Math.max(0, ...row.map((i) => cells[i].h));
    for (const i of row) {
      cells[i].y = cells[i].h ? y + (height - cells[i].h) : y + height / 2;
      cells[i].top = y;
      cells[i].bottom = y + height;
    }
    if (row.length) y += height + (height ? GAP_Y : GAP_GATE);
  }
  let low = Infinity, high = -Infinity;
  for (const cell of cells) {
    low = Math.min(low, cell.x - cell.w / 2);
    high = Math.max(high, cell.x + cell.w / 2);
  }
  nodes.forEach((node, i) => {
    node.x = cells[i].x - node.w / 2 - low;
    node.y = cells[i].y;
  });
  return {
    w: nodes.length ? high - low : 0,
    h: Math.max(0, y - (last(ranks)?.some((i) => cells[i].h) ? GAP_Y : GAP_GATE)),
    bends: bends.map((steps) => steps.map((i) => [cells[i].x - low, cells[i].top, cells[i].bottom])),
  };
}

// Remember that two cells are joined: from which place on each (from the middle), and how strongly they pull.
function join(cells, from, to, start, stop, pull) {
  cells[from].down.push([to, stop - start, pull]);
  cells[to].up.push([from, stop - start, pull]);
}

function rankNodes(nodes, edges) {
  const rank = new Array(nodes.length).fill(0);
  const into = nodes.map(() => []);
  for (const [from, to] of edges) if (!nodes[from].leaf && from < to) into[to].push(from);
  nodes.forEach((node, i) => {
    if (!node.leaf) for (const from of into[i]) rank[i] = Math.max(rank[i], rank[from] + 1);
  });
  // A leaf stands right above its first use.
  const first = new Map();
  for (const [from, to] of edges) {
    if (nodes[from].leaf) first.set(from, Math.min(first.get(from) ?? Infinity, rank[to]));
  }
  for (const [leaf, r] of first) rank[leaf] = r - 1;
  const lowest = rank.reduce((a, b) => Math.min(a, b), 0), highest = rank.reduce((a, b) => Math.max(a, b), 0);
  const over = nodes.some((node) => node.end === "top") ? 1 : 0;
  return rank.map((r, i) => {
    if (nodes[i].end === "top") return 0;
    return (nodes[i].end === "bottom" ? highest + 1 : r) - lowest + over;
  });
}

function orderRanks(cells, ranks) {
  const place = new Array(cells.length).fill(0);
  const number = () => ranks.forEach((row) => row.forEach((i, n) => (place[i] = n)));
  number();
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const downward = sweep % 2 === 0;
    const rows = downward ? ranks : [...ranks].reverse();
    for (const row of rows) {
      const key = new Map();
      for (const i of row) {
        const around = downward ? cells[i].up : cells[i].down;
        // The port decides between edges that come from the same place.
        key.set(i, around.length ? mean(around.map(([j, s]) => [place[j] + (downward ? 0 : s * 1e-3), 1])) : place[i]);
      }
      row.sort((a, b) => key.get(a) - key.get(b) || place[a] - place[b]);
      row.forEach((i, n) => (place[i] = n));
    }
  }
}

function placeRanks(cells, ranks) {
  for (const row of ranks) {
    let x = 0;
    for (const i of row) {
      cells[i].x = x + cells[i].w / 2;
      x += cells[i].w + GAP_X;
    }
    for (const i of row) cells[i].x -= x / 2;
  }
  for (let sweep = 0; sweep < 3 * SWEEPS; sweep++) {
    const downward = sweep % 2 === 0;
    const both = sweep >= 2 * SWEEPS;
    for (const row of downward ? ranks : [...ranks].reverse()) {
      const wish = row.map((i) => {
        const near = [[cells[i].x, 1e-6]];
        if (downward || both) for (const [j, s, pull] of cells[i].up) near.push([cells[j].x - s, pull]);
        if (!downward || both) for (const [j, s, pull] of cells[i].down) near.push([cells[j].x + s, pull]);
        return mean(near);
      });
      spread(row.map((i) => cells[i]), wish);
    }
  }
}

// Put the cells of a row as near to their wishes as their order and widths allow (isotonic regression).
function spread(row, wish) {
  const blocks = [];
  let offset = 0;
  row.forEach((cell, n) => {
    if (n) offset += (row[n - 1].w + cell.w) / 2 + GAP_X;
    cell.offset = offset;
    const weight = 0.01 + [...cell.up, ...cell.down].reduce((sum, [, , pull]) => sum + pull, 0);
    let block = { sum: weight * (wish[n] - offset), weight, from: n, to: n };
    while (blocks.length && last(blocks).sum / last(blocks).weight > block.sum / block.weight) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, from: before.from, to: block.to };
    }
    blocks.push(block);
  });
  for (const block of blocks) {
    for (let n = block.from; n <= block.to; n++) row[n].x = block.sum / block.weight + row[n].offset;
  }
}

const mean = (list) => list.reduce((a, [x, w]) => a + x * w, 0) / list.reduce((a, [, w]) => a + w, 0);
const last = (list) => list[list.length - 1];
