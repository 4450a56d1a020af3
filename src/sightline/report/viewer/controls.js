// Elements of the page, piece by piece.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ''));
  return element;
}

function button(words, onclick, attributes = {}) {
  return make('button', { type: 'button', onclick, ...attributes }, words);
}

// A labelled list of [value, words]; `onpick` gets the value.
function picker(label, options, value, onpick) {
  const select = make('select', { onchange: () => onpick(select.value) },
    ...options.map(([key, words]) => make('option', { value: key, selected: String(key) === String(value) }, words)));
  return { element: make('label', { class: 'viewer-field' }, make('span', {}, label), select), select };
}

// A labelled slider whose value stands beside it as `words(value)`.
function slider(label, { min, max, value, words, oninput, keys = '' }) {
  const shown = make('output', {}, words(value));
  const input = make('input', { type: 'range', min, max, step: 1, 'aria-label': label, 'aria-valuetext': words(value) });
  input.value = value;
  const set = (number, text = words(number)) => {
    input.value = number;
    shown.textContent = words(number);
    input.setAttribute('aria-valuetext', text);
  };
  input.addEventListener('input', () => { set(Number(input.value)); oninput(Number(input.value)); });
  const name = make('span', {}, label, keys && make('kbd', { 'aria-hidden': 'true' }, keys));
  return { element: make('div', { class: 'viewer-slider' }, name, shown, input), input, set };
}

// A box that is ticked or not, with a swatch of its layer's colour and the key that switches it.
function tick(label, { key = '', kind, colour, isOn, onswitch }) {
  const input = make('input', { type: 'checkbox', 'aria-keyshortcuts': key || null, onchange: () => onswitch(input.checked) });
  input.checked = isOn;
  const sample = make('i', { class: `viewer-swatch of-${kind}`, style: `--colour:${colour}`, 'aria-hidden': 'true' });
  const name = make('span', {}, label);
  const element = make('label', { class: 'viewer-tick' }, input, sample, name, key && make('kbd', { 'aria-hidden': 'true' }, key));
  return { element, input };
}

function outcomeChip(outcome) {
  if (!outcome) return null;
  return make('abbr', { class: `viewer-outcome viewer-${outcome}`, title: OUTCOMES[outcome] }, outcome);
}
