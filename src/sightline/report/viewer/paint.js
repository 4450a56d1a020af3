// Layers drawn over a film. Lengths are CSS pixels; the context is scaled to the image grid.

const COLOURS = { consensus: '#40d4ff', outline: '#ffffff', lungs: '#9fe07a', peak: '#ffffff' };
const READERS = ['#ffb454', '#ff8fb1', '#c3a6ff', '#7fd4c1', '#f2e05c', '#8fb8ff', '#ff9d7a', '#b9d977']; // in turn

const readerColour = (number) => READERS[number % READERS.length];

// The colour of each level, [red, green, blue], between the steps that the page brings.
const SHADES = Array.from({ length: 101 }, (_, level) => {
  const at = (level / 100) * (DATA.shades.length - 1);
  const low = Math.min(Math.floor(at), DATA.shades.length - 2);
  return DATA.shades[low].map((from, channel) => from + (at - low) * (DATA.shades[low + 1][channel] - from));
});

// The map as a picture on the image grid: its colour, as opaque as the map is high.
function heat(levels) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [DATA.width, DATA.height];
  const context = canvas.getContext('2d');
  const picture = context.createImageData(DATA.width, DATA.height);
  for (let pixel = 0; pixel < levels.length; pixel++) {
    const level = levels[pixel];
    picture.data.set(SHADES[level], 4 * pixel);
    picture.data[4 * pixel + 3] = 2.55 * level;
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

// A line with a dark rim, so that it stands out on every grey and colour.
function stroke(context, path, colour, width, dash = []) {
  const { a: scale } = context.getTransform();
  const unit = (window.devicePixelRatio || 1) / scale;
  [context.lineJoin, context.lineCap] = ['round', 'round'];
  context.setLineDash([]);
  context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
  context.lineWidth = (width + 1.6) * unit;
  context.stroke(path);
  context.setLineDash(dash.map((length) => length * unit));
  context.strokeStyle = colour;
  context.lineWidth = width * unit;
  context.stroke(path);
}

// Draws the layers that `show` names over a film: `model` is a number, `level` the threshold, `opacity` in [0, 1].
function paintLayers(context, arrays, { model, level, opacity, show, hidden = new Set(), width = 1.8 }) {
  const { canvas } = context;
  context.setTransform(canvas.width / DATA.width, 0, 0, canvas.height / DATA.height, 0, 0);
  const levels = arrays.maps[model];
  if (show.map && levels) {
    context.globalAlpha = opacity;
    context.drawImage(once(arrays, `heat ${model}`, () => heat(levels)), 0, 0);
    context.globalAlpha = 1;
  }
  const masks = (key, mask) => once(arrays, key, () => outline(mask, 1));
  if (show.lungs && arrays.lungs) stroke(context, masks('lungs', arrays.lungs), COLOURS.lungs, width - 0.6, [1, 5]);
  if (show.readers) {
    arrays.readers.forEach((mask, number) => {
      if (hidden.has(number)) return;
      stroke(context, masks(`reader ${number}`, mask), readerColour(number), Math.max(width - 0.6, 1));
    });
  }
  if (show.consensus && arrays.consensus) {
    stroke(context, masks('consensus', arrays.consensus), COLOURS.consensus, width + 0.4);
  }
  if (show.outline && levels) {
    const path = once(arrays, `outline ${model} ${level}`, () => outline(levels, level));
    stroke(context, path, COLOURS.outline, width, [5, 4]);
  }
  if (show.peak && levels) {
    const peak = once(arrays, `peak ${model}`, () => peakOf(levels));
    if (peak) paintPeak(context, peak);
  }
}

// A ring with four ticks, the same size on every screen.
function paintPeak(context, [x, y]) {
  const unit = (window.devicePixelRatio || 1) / context.getTransform().a;
  const path = new Path2D();
  path.arc(x, y, 6 * unit, 0, 2 * Math.PI);
  for (const [right, down] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) {
    path.moveTo(x + 6 * right * unit, y + 6 * down * unit);
    path.lineTo(x + 11 * right * unit, y + 11 * down * unit);
  }
  stroke(context, path, COLOURS.peak, 1.6);
}
