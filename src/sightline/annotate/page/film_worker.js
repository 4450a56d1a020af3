// Makes a film ready to be shown, beside the page: inflates or decodes it and reduces it. Receives {content, type,
// facts}; answers {steps, gray} for a gray film, {bitmap} for one in colours, or {failure}.

import { reductions, Unpacker } from "./unpack.js";

const SLICE = 2 ** 18; // bytes: a film inflated as a whole would lie in memory beside its samples

let last = Promise.resolve(); // the film in the making: one at a time, answered in order

self.addEventListener("message", ({ data }) => {
  last = last.then(() => answer(data));
});

async function answer({ content, type, facts }) {
  try {
    const made = type === "image/png" ? await pictureOf(content, facts) : await samplesOf(content, facts);
    const owned = made.bitmap ? [made.bitmap] : made.steps.map(({ values }) => values.buffer);
    self.postMessage(made, owned);
  } catch (error) {
    self.postMessage({ failure: String(error?.message ?? error) });
  }
}

async function samplesOf(content, facts) {
  const unpacker = new Unpacker(facts);
  const reader = slicesOf(content).pipeThrough(new DecompressionStream("deflate")).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) unpacker.push(part.value);
  return { steps: reductions(unpacker.end(), facts.height, facts.width), gray: unpacker.gray };
}

function slicesOf(content) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(content, at, Math.min(SLICE, content.byteLength - at)));
      at += SLICE;
      if (at >= content.byteLength) controller.close();
    },
  });
}

async function pictureOf(content, { height, width }) {
  const bitmap = await createImageBitmap(new Blob([content], { type: "image/png" }), { colorSpaceConversion: "none" });
  if (bitmap.height !== height || bitmap.width !== width) throw new Error("a film of another size than it says");
  const values = grayOf(bitmap, height, width);
  if (!values) return { bitmap };
  bitmap.close();
  return { steps: reductions(values, height, width), gray: null };
}

/** The gray values of a picture, or null if one of its pixels has a colour; by bands, which keeps little in memory. */
function grayOf(bitmap, height, width) {
  const rows = Math.min(height, 256);
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  const values = new Uint8Array(height * width);
  for (let top = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let i = 0, place = top * width; i < data.length; i += 4, place += 1) {
      if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return null;
      values[place] = data[i];
    }
  }
  return values;
}
