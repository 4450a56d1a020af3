// What the page says of its films; their arrays are in blocks of their own.

const DATA = JSON.parse(document.getElementById('viewer-data').textContent);

// Films as film_data.py wrote them: base64 of deflated bytes, read only when a film is drawn.

const KEPT = 48; // films held at once
const opened = new Map(); // film number -> promise of its arrays, the latest used last
const awaited = new Map(); // film number -> [resolve, reject] of a file beside the page

// Called by each file beside the page.
window.sightlineFilm = (number, value) => awaited.get(number)?.[0](value);

function filmData(number) {
  const block = document.getElementById(`film-${number}`);
  if (block) return Promise.resolve(JSON.parse(block.textContent));
  return new Promise((resolve, reject) => {
    awaited.set(number, [resolve, reject]);
    const file = `${DATA.folder}/film-${number}.js`;
    const script = document.createElement('script');
    script.src = file;
    script.onload = () => script.remove();
    script.onerror = () => reject(new Error(`${file} cannot be read; keep the folder ${DATA.folder} beside this page`));
    document.head.append(script);
  });
}

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// 0 or 1 per pixel, in raster order.
async function maskOf(text) {
  const bits = await inflated(text);
  const mask = new Uint8Array(DATA.width * DATA.height);
  for (let pixel = 0; pixel < mask.length; pixel++) mask[pixel] = (bits[pixel >> 3] >> (7 - (pixel & 7))) & 1;
  return mask;
}

// 0 to 100 per pixel: the map reaches the threshold k / 100 where its level is at least k.
async function levelsOf(text) {
  const levels = await inflated(text);
  for (let pixel = 0; pixel < levels.length; pixel++) {
    if (pixel % DATA.width) levels[pixel] += levels[pixel - 1]; // stored as differences, modulo 256 as the array is
  }
  return levels;
}

async function pictureOf(uri) {
  const picture = new Image();
  picture.src = uri;
  await picture.decode();
  return picture;
}

async function openedFilm(number) {
  const data = await filmData(number);
  const [picture, consensus] = await Promise.all([
    data.film === null ? null : pictureOf(data.film),
    data.consensus === null ? null : maskOf(data.consensus),
  ]);
  const none = { lungs: null, readers: data.readers.map(() => null), maps: data.maps.map(() => null) };
  return { data, picture, consensus, ...none, kept: new Map() };
}

// The arrays of a film: picture, consensus and the maps of these models, and the readers' masks and the lungs where it
// is `isWhole`. Decoded once while the film is among the latest used.
async function film(number, models, isWhole) {
  const promise = opened.get(number) ?? openedFilm(number);
  opened.delete(number);
  opened.set(number, promise);
  promise.catch(() => opened.delete(number));
  if (opened.size > KEPT) opened.delete(opened.keys().next().value);
  const arrays = await promise;
  const fill = async (list, place, text, read) => {
    if (list[place] === null && text !== null) list[place] = await read(text);
  };
  const { data } = arrays;
  const awaitedParts = models.map((model) => fill(arrays.maps, model, data.maps[model], levelsOf));
  if (isWhole) {
    awaitedParts.push(fill(arrays, 'lungs', data.lungs, maskOf));
    awaitedParts.push(...data.readers.map((text, reader) => fill(arrays.readers, reader, text, maskOf)));
  }
  await Promise.all(awaitedParts);
  return arrays;
}

// What belongs to a decoded film and costs something to make: made once, forgotten with the film.
function once(arrays, key, make) {
  if (!arrays.kept.has(key)) arrays.kept.set(key, make());
  return arrays.kept.get(key);
}
