/** Positions for a graph of steps: layers from left to right, with few crossings. */

/**
 * @typedef {{ key: string, dependsOn: string[] }} Node
 * @typedef {{ x: number, y: number, layer: number }} Place
 * @typedef {{ places: Map<string, Place>, columns: number, rows: number }} Layout
 */

/**
 * Return a column and a row for each node; rows of short layers are centred. A layer of more than
 * `maxRows` is split into several columns.
 * @param {Node[]} nodes
 * @param {number} maxRows
 * @returns {Layout}
 */
export function layout(nodes, maxRows) {
  const layers = split(nodes);
  order(layers, nodes);
  const columns = layers.flatMap((layer) => chunks(layer, maxRows));
  const rows = Math.max(1, ...columns.map((column) => column.length));
  /** @type {Map<string, Place>} */
  const places = new Map();
  const layerOf = new Map(layers.flatMap((layer, index) => layer.map((key) => /** @type {[string, number]} */ ([key, index]))));
  columns.forEach((column, x) => {
    const top = (rows - column.length) / 2;
    column.forEach((key, index) => places.set(key, { x, y: top + index, layer: layerOf.get(key) ?? 0 }));
  });
  return { places, columns: columns.length, rows };
}

/**
 * @param {Node[]} nodes
 * @returns {string[][]} keys by the length of the longest path that leads to them
 */
function split(nodes) {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  /** @type {Map<string, number>} */
  const depths = new Map();
  for (const start of nodes) {
    // Without recursion: a chain may have thousands of steps.
    const stack = [start];
    while (stack.length) {
      const node = stack[stack.length - 1];
      const open = node.dependsOn.filter((key) => byKey.has(key) && !depths.has(key));
      if (open.length && !depths.has(node.key)) {
        stack.push(.../** @type {Node[]} */ (open.map((key) => byKey.get(key))));
        continue;
      }
      depths.set(node.key, Math.max(0, ...node.dependsOn.map((key) => (depths.get(key) ?? -1) + 1)));
      stack.pop();
    }
  }
  /** @type {string[][]} */
  const layers = [];
  for (const { key } of nodes) (layers[depths.get(key) ?? 0] ??= []).push(key);
  return layers;
}

/**
 * Sort each layer by the middle of the neighbours, forth and back.
 * @param {string[][]} layers
 * @param {Node[]} nodes
 */
function order(layers, nodes) {
  const up = new Map(nodes.map((node) => [node.key, node.dependsOn]));
  /** @type {Map<string, string[]>} */
  const down = new Map();
  for (const node of nodes) for (const need of node.dependsOn) down.set(need, [...(down.get(need) ?? []), node.key]);
  /** @type {Map<string, number>} */
  const at = new Map();
  const place = (/** @type {string[]} */ layer) => layer.forEach((key, index) => at.set(key, index - layer.length / 2));
  layers.forEach(place);
  for (let turn = 0; turn < 4; turn++) {
    const forth = turn % 2 === 0;
    for (const layer of forth ? layers : [...layers].reverse()) {
      const weight = new Map(layer.map((key) => {
        const near = ((forth ? up : down).get(key) ?? []).map((one) => at.get(one) ?? 0);
        return [key, near.length ? near.reduce((a, b) => a + b, 0) / near.length : at.get(key) ?? 0];
      }));
      layer.sort((a, b) => /** @type {number} */ (weight.get(a)) - /** @type {number} */ (weight.get(b)));
      place(layer);
    }
  }
}

/**
 * Return parts of about the same length, none longer than `length`.
 * @template T
 * @param {T[]} items
 * @param {number} length
 */
function chunks(items, length) {
  const even = Math.ceil(items.length / Math.ceil(items.length / length));
  const found = [];
  for (let i = 0; i < items.length; i += even) found.push(items.slice(i, i + even));
  return found;
}
