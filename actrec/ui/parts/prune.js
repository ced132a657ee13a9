// A network while it is pruned: histograms of its scales, thresholds to drag, and what is left of its size, worked out here, without the server.
// `lab/prune/sizes.py` says what the numbers are.
const kept = new WeakMap();

// What stays of each of a network's layers, at `percent` of all their channels: as `prune.plan` has it.
export function plan({ layers }, percent, fc) {
  const part = layers.filter((layer) => fc || !layer.fc);
  const every = Float64Array.from(part.flatMap((layer) => layer.worths)).sort();
  const threshold = every[Math.floor((percent / 100) * every.length)];
  const stay = layers.map((layer) => {
    const count = layer.worths.length;
    return part.includes(layer) ? Math.max(1, count - below(layer.worths, threshold)) : count;
  });
  const left = part.reduce((sum, layer) => sum + stay[layers.indexOf(layer)], 0);
  return { threshold, stay, share: 1 - left / every.length };
}

// How many of the sorted values are below one.
export function below(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Parameters, multiply–accumulates and bytes of the file of a model whose networks are pruned by these plans.
export function size(data, plans, percents, fc) {
  const stay = plans.flatMap((each) => each.stay);
  let [parameters, products, offset] = [0, data.rest, 0];
  let letters = data.head + (fc ? 0 : 1) + digits(data, plans, percents);
  for (const [fixed, bytes, parameter, places, shape, by] of data.tensors) {
    const sides = shape.map((side, i) => (by[i] ?? -1) < 0 ? side : stay[by[i]]);
    const count = sides.reduce((product, side) => product * side, 1);
    const end = offset + count * bytes;
    letters += fixed + sides.join('').length + `${offset}${end}`.length;
    parameters += parameter * count;
    products += places * count;
    offset = end;
  }
  return { parameters, products, bytes: 8 + 8 * Math.ceil(letters / 8) + offset };
}

// Letters of what a checkpoint's card says of its pruning: the widths, the shares in its title, the percentages as Python writes them.
function digits({ networks }, plans, percents) {
  return networks.reduce((sum, { layers, full, tail }, i) => {
    const { stay, share } = plans[i];
    const whole = full && stay.every((count, k) => count === layers[k].worths.length);
    const percent = `${percents[i]}`;
    return sum + (whole ? 0 : [...stay, ...tail].join(', ').length) + (100 * share).toFixed(0).length + percent.length + (percent.includes('.') ? 0 : 2);
  }, 0);
}

// How many values lie in each of `bins` equal parts from 0 to `top`, those below the threshold and the others.
export function histogram(values, top, threshold, bins) {
  const gone = new Array(bins).fill(0);
  const stay = new Array(bins).fill(0);
  for (const value of values) (value < threshold ? gone : stay)[Math.min(bins - 1, Math.floor((value / (top || 1)) * bins))] += 1;
  return { gone, stay };
}
export default function () {}
