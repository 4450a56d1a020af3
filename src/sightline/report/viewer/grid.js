// The small films: drawn when they come into view, and again when another model is chosen.

const FIRST = 24; // films shown before all are asked for, about: whole rows
const SMALL = 224; // pixels of a small film's longer side
const SMALL_SHOW = { map: true, consensus: true };
const ROOMS = new Map(); // film number -> { element, canvas, caption, drawn }

const toolbar = make('div', { class: 'viewer-tools' });
const countLine = make('p', { class: 'viewer-count', role: 'status' });
const note = make('p', { class: 'note' }, `Blue: the region of the ${DATA.experts}. Colours: the map, from dark to bright. `,
  'A film opens large, with its layers and a threshold to move.');
const list = make('ul', { class: 'viewer-grid' });
const more = button('', () => { chosen.isWhole = true; showGrid(); });
more.className = 'viewer-more';

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    drawSmall(Number(target.dataset.film));
  }
}, { rootMargin: '200px' });

function room(number) {
  if (!ROOMS.has(number)) {
    const scale = SMALL / Math.max(DATA.width, DATA.height);
    const canvas = make('canvas', {
      width: Math.max(1, Math.round(DATA.width * scale)), height: Math.max(1, Math.round(DATA.height * scale)),
      'aria-hidden': 'true',
    });
    const caption = make('span', { class: 'viewer-caption' });
    const open = button('', () => openFilm(number), { class: 'viewer-film' });
    open.append(canvas, caption);
    const element = make('li', { 'data-film': number }, open);
    ROOMS.set(number, { element, canvas, caption, open, drawn: '' });
  }
  return ROOMS.get(number);
}

async function drawSmall(number) {
  const { canvas, element } = room(number);
  const drawn = String(chosen.model);
  if (room(number).drawn === drawn) return;
  room(number).drawn = drawn;
  let arrays;
  try {
    arrays = await film(number, [chosen.model], false);
  } catch (error) {
    element.querySelector('.viewer-caption').append(make('small', { class: 'viewer-problem' }, error.message));
    return;
  }
  if (room(number).drawn !== drawn) return; // another model was chosen meanwhile
  const context = canvas.getContext('2d');
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (arrays.picture) context.drawImage(arrays.picture, 0, 0, canvas.width, canvas.height);
  paintLayers(context, arrays, { model: chosen.model, level: chosen.level, opacity: 0.5, show: SMALL_SHOW, width: 1.2 });
  element.dataset.drawn = drawn;
}

function captionParts(number) {
  const one = DATA.films[number];
  const mark = one.marks[chosen.model];
  const [, words] = SORTS.find(([key]) => key === chosen.sort);
  const value = ['name', 'outcome'].includes(chosen.sort) ? null : sortValue(number);
  const score = value === null ? null : make('small', { title: words }, shownNumber(value));
  return [make('span', { class: 'viewer-name' }, one.name), make('span', { class: 'viewer-marks' },
    score ?? '', outcomeChip(mark.outcome) ?? '')];
}

function showGrid() {
  const numbers = shownFilms();
  const columns = getComputedStyle(list).gridTemplateColumns.split(' ').length;
  const shown = chosen.isWhole ? numbers : numbers.slice(0, columns * Math.max(Math.round(FIRST / columns), 1));
  list.replaceChildren(...shown.map((number) => room(number).element));
  for (const number of shown) {
    const { caption, open, element, drawn } = room(number);
    caption.replaceChildren(...captionParts(number));
    const mark = DATA.films[number].marks[chosen.model];
    const outcome = mark.outcome ? `, ${OUTCOMES[mark.outcome]}` : '';
    open.setAttribute('aria-label', `${DATA.films[number].name}${outcome}: open large`);
    if (drawn !== String(chosen.model)) watcher.observe(element);
  }
  const [, sortWords] = SORTS.find(([key]) => key === chosen.sort);
  const order = chosen.sort === 'name' ? '' : chosen.isRising ? ', lowest first' : ', highest first';
  const kind = chosen.outcome ? ` (${OUTCOMES[chosen.outcome]})` : '';
  countLine.textContent = `${numbers.length} of ${DATA.films.length} films${kind}, by ${sortWords}${order}.`;
  more.textContent = `Show all ${numbers.length} films`;
  more.hidden = shown.length === numbers.length;
}

function showTools() {
  const models = DATA.models.map(({ name, method }, number) => [number, method ? `${name} (${method})` : name]);
  const model = picker('Map of', models, chosen.model, (value) => { chosen.model = Number(value); showTools(); showGrid(); });
  const sort = picker('Sort by', SORTS, chosen.sort, (value) => {
    chosen.sort = value;
    chosen.isRising = value === 'name';
    showTools();
    showGrid();
  });
  const direction = button(chosen.isRising ? '↑' : '↓', () => {
    chosen.isRising = !chosen.isRising;
    showTools();
    showGrid();
    toolbar.querySelector('.viewer-direction').focus();
  }, { class: 'viewer-direction', 'aria-label': chosen.isRising ? 'Lowest first; turn round' : 'Highest first; turn round' });
  const hadFocus = [...toolbar.querySelectorAll('select')].indexOf(document.activeElement);
  toolbar.replaceChildren(model.element, make('span', { class: 'viewer-pair' }, sort.element, direction), outcomeButtons());
  if (hadFocus >= 0) toolbar.querySelectorAll('select')[hadFocus].focus();
}

function outcomeButtons() {
  if (!hasOutcomes()) return '';
  const counts = Object.fromEntries(Object.keys(OUTCOMES).map((key) => [key, 0]));
  for (const one of DATA.films) counts[one.marks[chosen.model].outcome]++;
  const choice = (key, words, title) => button(words, () => {
    chosen.outcome = key;
    showTools();
    showGrid();
    toolbar.querySelector('[aria-pressed=true]').focus();
  }, { 'aria-pressed': String(chosen.outcome === key), title });
  return make('div', { class: 'viewer-choices', role: 'group', 'aria-label': 'Outcome' },
    choice('', 'All', 'all outcomes'),
    ...Object.entries(OUTCOMES).map(([key, words]) => choice(key, `${key} ${counts[key]}`, words)));
}
