// One film, large: its layers, the threshold with IoU and Dice, window and level; two models side by side.

const box = make('dialog', { class: 'viewer-box', 'aria-labelledby': 'viewer-title' });
const title = make('h3', { id: 'viewer-title', tabindex: '-1' });
const facts = make('p', { class: 'viewer-facts' });
const stages = make('div', { class: 'viewer-stages' });
const problem = make('p', { class: 'viewer-problem', role: 'alert', hidden: true });
const parts = {}; // sliders and ticks by name

// The grey levels of the films, mapped as on a viewing station; a filter leaves the picture itself as it is.
const windowFilter = make('div', { class: 'viewer-window', 'aria-hidden': 'true' });
windowFilter.innerHTML = `<svg><filter id="viewer-window" color-interpolation-filters="sRGB"><feComponentTransfer>
  <feFuncR type="linear"/><feFuncG type="linear"/><feFuncB type="linear"/></feComponentTransfer></filter></svg>`;
const windowChannels = windowFilter.querySelector('feComponentTransfer').children;

function setWindow(width, centre) {
  chosen.window = Math.min(Math.max(Math.round(width), 2), 255);
  chosen.centre = Math.min(Math.max(Math.round(centre), 0), 255);
  const slope = 255 / chosen.window;
  for (const channel of windowChannels) {
    channel.setAttribute('slope', slope);
    channel.setAttribute('intercept', 0.5 - (chosen.centre / 255) * slope);
  }
  parts.window.set(chosen.window);
  parts.centre.set(chosen.centre);
  const isReset = chosen.window === 255 && chosen.centre === 128;
  stages.classList.toggle('is-windowed', !isReset);
  parts.reset.disabled = isReset;
}

// The models whose maps are shown: one, or two side by side.
const pair = () => (chosen.second >= 0 ? [chosen.model, chosen.second] : [chosen.model]);

function buildBox() {
  const choices = DATA.models.map(({ name }, number) => [number, name]);
  parts.model = picker('Map of', choices, chosen.model, (value) => { chosen.model = Number(value); showFilm(); });
  parts.second = picker('Beside it', [[-1, 'no other'], ...choices], chosen.second, (value) => {
    chosen.second = Number(value);
    showFilm();
  });
  parts.level = slider('Threshold', {
    min: 1, max: 100, value: chosen.level, keys: '[ ]', words: (value) => `${(value / 100).toFixed(2)}`,
    oninput: (value) => setLevel(value),
  });
  parts.opacity = slider('Map opacity', {
    min: 0, max: 100, value: 100 * chosen.opacity, keys: '− +', words: (value) => `${value}%`,
    oninput: (value) => setOpacity(value),
  });
  parts.window = slider('Window', {
    min: 2, max: 255, value: 255, words: String, oninput: (value) => setWindow(value, chosen.centre),
  });
  parts.centre = slider('Level', {
    min: 0, max: 255, value: 128, words: String, oninput: (value) => setWindow(chosen.window, value),
  });
  parts.reset = button('Reset', () => setWindow(255, 128), { class: 'viewer-reset' });
  const previous = button('‹', () => step(-1), { 'aria-label': 'Previous film', title: 'Previous film (←)' });
  const next = button('›', () => step(1), { 'aria-label': 'Next film', title: 'Next film (→)' });
  const close = button('×', () => box.close(), { class: 'viewer-close', 'aria-label': 'Close', title: 'Close (Esc)' });
  const layers = [
    ['film', 'Film', 'f', '#8a8f94'],
    ['map', 'Map', 'm', ''],
    ['outline', 'Map at the threshold', 't', COLOURS.outline],
    ['peak', 'Peak of the map', 'p', COLOURS.peak],
    ['consensus', 'Consensus', 'c', COLOURS.consensus],
    ['readers', 'Each annotation', 'r', readerColour(0)],
    ['lungs', DATA.lungs === 'body' ? 'Estimated body' : 'Lungs', 'l', COLOURS.lungs],
  ];
  for (const [name, words, key, colour] of layers) {
    parts[name] = tick(words, { key, colour, kind: name, isOn: chosen.show[name], onswitch: (isOn) => setLayer(name, isOn) });
  }
  parts.readersList = make('div', { class: 'viewer-readers' });
  const side = make('div', { class: 'viewer-side' },
    parts.level.element,
    make('div', { class: 'viewer-pickers' }, parts.model.element, DATA.models.length > 1 ? parts.second.element : ''),
    make('fieldset', {}, make('legend', {}, 'Layers'), 
      ...layers.map(([name]) => parts[name].element)),
    parts.opacity.element,
    make('div', { class: 'viewer-windowing' }, parts.window.element, parts.centre.element, parts.reset),
    make('p', { class: 'viewer-hint' }, 'Drag on the film for window and level; double click resets them. ',
      'Swipe, or press ← and →, for the next film.'));
  parts.readers.element.after(parts.readersList);
  const head = make('div', { class: 'viewer-head' }, make('div', { class: 'viewer-heading' }, title, facts),
    make('div', { class: 'viewer-steps' }, previous, next, close));
  box.append(head, make('div', { class: 'viewer-body' }, make('div', { class: 'viewer-main' }, stages, problem), side), windowFilter);
  box.addEventListener('close', () => {
    const number = chosen.number;
    chosen.number = -1;
    showTools();
    showGrid();
    const { open, element } = room(number);
    if (element.isConnected) {
      open.focus();
      element.scrollIntoView({ block: 'nearest' });
    }
  });
}

function openFilm(number) {
  chosen.number = number;
  chosen.order = shownFilms(); // as it stood on the grid, whatever model is chosen meanwhile
  if (!box.open) box.showModal();
  showFilm();
  title.focus();
}

function step(by) {
  const place = chosen.order.indexOf(chosen.number) + by;
  if (place < 0 || place >= chosen.order.length) return;
  chosen.number = chosen.order[place];
  showFilm();
}

async function showFilm() {
  const { number } = chosen;
  const one = DATA.films[number];
  if (chosen.second === chosen.model) chosen.second = -1;
  [parts.model.select.value, parts.second.select.value] = [chosen.model, chosen.second];
  title.textContent = one.name;
  const place = `${chosen.order.indexOf(number) + 1} of ${chosen.order.length}`;
  const agreement = one.agreement === null ? '' : `agreement ${shownNumber(one.agreement, 2)}`;
  facts.textContent = [place, one.finding, agreement].filter(Boolean).join(' · ');
  let arrays;
  try {
    arrays = await film(number, pair(), true);
  } catch (error) {
    problem.hidden = false;
    problem.textContent = error.message;
    stages.replaceChildren();
    return;
  }
  if (chosen.number !== number) return; // another film was opened meanwhile
  problem.hidden = true;
  chosen.arrays = arrays;
  stages.style.setProperty('--aspect', DATA.width / DATA.height);
  stages.classList.toggle('is-double', chosen.second >= 0);
  stages.replaceChildren(...pair().map((model) => stage(arrays, model)));
  for (const name of ['consensus', 'lungs']) parts[name].input.disabled = !arrays[name];
  parts.film.input.disabled = !arrays.picture;
  parts.readers.input.disabled = !arrays.readers.length;
  showReaders(one.readers);
  paint();
  for (const by of [1, -1]) { // so that the next film is there at once
    const neighbour = chosen.order[chosen.order.indexOf(number) + by];
    if (neighbour !== undefined) film(neighbour, pair(), true).catch(() => {}); // said when it is opened
  }
}

function stage(arrays, model) {
  const picture = arrays.data.film ? make('img', { src: arrays.data.film, alt: '', draggable: 'false' }) : '';
  const canvas = make('canvas', { role: 'img' });
  const figure = make('figure', { 'data-model': model }, make('div', { class: 'viewer-stage' }, picture, canvas),
    make('figcaption', {}));
  return figure;
}

function showReaders(readers) {
  parts.readersList.hidden = !chosen.show.readers || !readers.length;
  parts.readersList.replaceChildren(...readers.map((name, number) => tick(name, {
    colour: readerColour(number),
    kind: 'readers',
    isOn: !chosen.hidden.has(number),
    onswitch: (isOn) => { chosen.hidden[isOn ? 'delete' : 'add'](number); paint(); },
  }).element));
}

// Draws all layers of the film that is open, and says IoU and Dice.
function paint() {
  const { arrays, level } = chosen;
  if (!arrays || !box.open) return;
  const one = DATA.films[chosen.number];
  const told = [];
  for (const figure of stages.children) {
    const model = Number(figure.dataset.model);
    const canvas = figure.querySelector('canvas');
    const ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width) {
      const options = { model, level, opacity: chosen.opacity, show: chosen.show, hidden: chosen.hidden };
      paintLayers(canvas.getContext('2d'), arrays, options);
    }
    const picture = figure.querySelector('img');
    if (picture) picture.hidden = !chosen.show.film;
    const levels = arrays.maps[model];
    const counts = levels && arrays.consensus && once(arrays, `tally ${model}`, () => tally(levels, arrays.consensus));
    const { iou, dice } = counts ? overlap(counts, level) : { iou: null, dice: null };
    figure.querySelector('figcaption').replaceChildren(...captionOf(one, model, levels, iou, dice));
    const words = `IoU ${shownNumber(iou)}, Dice ${shownNumber(dice)}`;
    told.push(pair().length > 1 ? `${DATA.models[model].name}: ${words}` : words);
    canvas.setAttribute('aria-label', `${one.name}, map of ${DATA.models[model].name}; ${words}`);
  }
  parts.level.set(level, `${(level / 100).toFixed(2)}; ${told.join('; ')}`);
}

function captionOf(one, model, levels, iou, dice) {
  const mark = one.marks[model];
  const { name, method } = DATA.models[model];
  const value = (words, number, kind) => make('span', { class: 'viewer-value' }, `${words} `,
    make('data', { value: number === null ? '' : String(number), 'data-kind': kind }, shownNumber(number)));
  const called = mark.probability === null ? '' : make('span', {}, `probability ${shownNumber(mark.probability, 2)}`);
  const scores = DATA.scores.filter(({ key }) => key !== 'iou' && mark.scores[key] !== null)
    .map(({ key, words }) => make('span', {}, `${words} ${shownNumber(mark.scores[key])}`));
  const flat = !levels ? 'no map' : once(chosen.arrays, `peak ${model}`, () => peakOf(levels)) ? '' : 'flat map, without a peak';
  return [
    make('div', { class: 'viewer-model' }, make('b', {}, name), method ? ` ${method} ` : ' ', outcomeChip(mark.outcome) ?? '', called),
    make('div', { class: 'viewer-values' }, value('IoU', iou, 'iou'), value('Dice', dice, 'dice')),
    make('div', { class: 'viewer-scores' }, ...scores, flat),
  ];
}

function setLevel(level) {
  chosen.level = Math.min(Math.max(level, 1), 100);
  paint();
}

function setOpacity(percent) {
  chosen.opacity = Math.min(Math.max(percent, 0), 100) / 100;
  parts.opacity.set(Math.round(100 * chosen.opacity));
  paint();
}

function setLayer(name, isOn) {
  chosen.show[name] = isOn;
  parts[name].input.checked = isOn;
  if (name === 'readers') showReaders(DATA.films[chosen.number].readers);
  paint();
}
