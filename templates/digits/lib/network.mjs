// A classifier in plain JavaScript: softmax regression (hidden = 0), or one hidden layer of ReLU units.
// Trained by stochastic gradient descent with momentum on the cross-entropy.

/** Random numbers that repeat with their seed (mulberry32), so that a training can be repeated exactly. */
export function randomSource(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A dense layer: weights[o * inputs + i], one row per output. */
function layer(inputs, outputs, random) {
  const weights = new Float32Array(inputs * outputs);
  const scale = Math.sqrt(2 / inputs); // He initialisation, for ReLU
  for (let i = 0; i < weights.length; i++) weights[i] = (random() * 2 - 1) * scale;
  return { inputs, outputs, weights, bias: new Float32Array(outputs) };
}

/** `scaling` is { mean, deviation } per feature: a network takes raw features and scales them itself. */
export function createNetwork({ scaling, hidden, classes, random }) {
  const inputs = scaling.mean.length;
  const sizes = hidden > 0 ? [inputs, hidden, classes] : [inputs, classes];
  return { scaling, layers: sizes.slice(1).map((size, i) => layer(sizes[i], size, random)) };
}

function scaled(network, row) {
  const { mean, deviation } = network.scaling;
  return Float32Array.from(row, (value, i) => (value - mean[i]) / deviation[i]);
}

/** Activations of every layer, the scaled input first; the last are probabilities. */
function forward(network, row) {
  const activations = [scaled(network, row)];
  network.layers.forEach(({ inputs, outputs, weights, bias }, depth) => {
    const below = activations[depth];
    const isLast = depth === network.layers.length - 1;
    const above = new Float32Array(outputs);
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o];
      for (let i = 0, w = o * inputs; i < inputs; i++, w++) sum += weights[w] * below[i];
      above[o] = isLast ? sum : Math.max(0, sum);
    }
    activations.push(isLast ? softmax(above) : above);
  });
  return activations;
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Probability of each class for one raw row. */
export function predict(network, row) {
  return forward(network, row).at(-1);
}

/** Index of the largest value; the first of equal ones, as ONNX's ArgMax does. */
export function argMax(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

/** Adds one row's gradient of the cross-entropy to `gradients`; answers its loss. */
function backward(network, gradients, row, label) {
  const activations = forward(network, row);
  let delta = Float32Array.from(activations.at(-1));
  const loss = -Math.log(Math.max(delta[label], 1e-12));
  delta[label] -= 1;
  for (let depth = network.layers.length - 1; depth >= 0; depth--) {
    const { inputs, outputs, weights } = network.layers[depth];
    const below = activations[depth];
    const gradient = gradients[depth];
    const next = new Float32Array(inputs);
    for (let o = 0; o < outputs; o++) {
      const slope = delta[o];
      gradient.bias[o] += slope;
      // The derivative of ReLU: a unit that was off changes nothing.
      if (slope === 0) continue;
      for (let i = 0, w = o * inputs; i < inputs; i++, w++) {
        gradient.weights[w] += slope * below[i];
        next[i] += slope * weights[w];
      }
    }
    delta = next.map((value, i) => (below[i] > 0 ? value : 0));
  }
  return loss;
}

/**
 * One pass over the rows in random order; answers the mean loss. `velocity` keeps the momentum between
 * passes: start it with `zerosLike(network)`.
 */
export function trainEpoch(network, velocity, { rows, labels, learningRate, batch, random }) {
  const order = rows.map((_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  let loss = 0;
  const gradients = zerosLike(network);
  for (let start = 0; start < order.length; start += batch) {
    for (const gradient of gradients) Object.values(gradient).forEach((part) => part.fill(0));
    const chosen = order.slice(start, start + batch);
    for (const i of chosen) loss += backward(network, gradients, rows[i], labels[i]);
    network.layers.forEach((layer, depth) => {
      for (const part of ["weights", "bias"]) {
        const [value, speed, gradient] = [layer[part], velocity[depth][part], gradients[depth][part]];
        for (let i = 0; i < value.length; i++) {
          speed[i] = 0.9 * speed[i] - (learningRate * gradient[i]) / chosen.length;
          value[i] += speed[i];
        }
      }
    });
  }
  return loss / rows.length;
}

/** Zeros in the shape of a network's layers. */
export function zerosLike(network) {
  return network.layers.map(({ weights, bias }) => ({
    weights: new Float32Array(weights.length),
    bias: new Float32Array(bias.length),
  }));
}

/** Share of the rows whose most probable class is the label. */
export function accuracy(network, rows, labels) {
  return rows.filter((row, i) => argMax(predict(network, row)) === labels[i]).length / rows.length;
}

/** Plain JSON, and back. */
export function networkToJson({ scaling, layers }) {
  const arrays = layers.map((layer) => ({ ...layer, weights: [...layer.weights], bias: [...layer.bias] }));
  return JSON.stringify({ scaling, layers: arrays });
}

export function networkFromJson(text) {
  const { scaling, layers } = JSON.parse(text);
  const arrays = layers.map((layer) => ({
    ...layer,
    weights: Float32Array.from(layer.weights),
    bias: Float32Array.from(layer.bias),
  }));
  return { scaling, layers: arrays };
}
