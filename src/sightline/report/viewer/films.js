// What the person has chosen, and the films in the order that follows from it.

const OUTCOMES = { TP: 'true positive', FN: 'false negative', FP: 'false positive', TN: 'true negative' };

const chosen = {
  model: 0, // its map is on the small films and the first of the large ones
  second: -1, // the model beside it on a large film; -1: none
  sort: DATA.scores.length ? DATA.scores[0].key : 'name',
  isRising: false,
  outcome: '', // of the model; '': all
  isWhole: false, // all films of the grid, not its first rows alone
  number: -1, // the film that is large; -1: none
  level: DATA.threshold, // per cent
  opacity: 0.6,
  window: 255, // grey levels from black to white
  centre: 128, // the grey level in their middle
  show: { film: true, map: true, outline: true, consensus: true, readers: false, lungs: false, peak: true },
  hidden: new Set(), // numbers of readers whose outlines are off
};

const SORTS = [
  ...DATA.scores.map(({ key, words }) => [key, words]),
  ['agreement', `agreement of the ${DATA.experts}`],
  ['outcome', 'outcome'],
  ['name', 'name'],
].filter(([key]) => (key !== 'outcome' || hasOutcomes()) && (key !== 'agreement' || hasAgreement()));

function hasOutcomes() {
  return DATA.films.some((one) => one.marks.some((mark) => mark.outcome));
}

function hasAgreement() {
  return DATA.films.some((one) => one.agreement !== null);
}

const byName = new Intl.Collator('en', { numeric: true });

// What a film is sorted by; null where it has no such value.
function sortValue(number) {
  const one = DATA.films[number];
  const mark = one.marks[chosen.model];
  if (chosen.sort === 'name') return one.name;
  if (chosen.sort === 'agreement') return one.agreement;
  if (chosen.sort === 'outcome') return mark.outcome ? -Object.keys(OUTCOMES).indexOf(mark.outcome) : null;
  return mark.scores[chosen.sort];
}

// Numbers of the films of the chosen outcome, sorted; films without the value come last, equal ones by name.
function shownFilms() {
  const sign = chosen.isRising ? 1 : -1;
  const names = DATA.films.map((one) => one.name);
  return [...DATA.films.keys()]
    .filter((number) => !chosen.outcome || DATA.films[number].marks[chosen.model].outcome === chosen.outcome)
    .map((number) => [number, sortValue(number)])
    .sort(([first, value], [second, other]) => {
      if ((value === null) !== (other === null)) return value === null ? 1 : -1;
      const gap = sign * (chosen.sort === 'name' ? byName.compare(value, other) : value - other);
      return gap || byName.compare(names[first], names[second]);
    })
    .map(([number]) => number);
}

const shownNumber = (value, decimals = 3) => (value === null ? '–' : value.toFixed(decimals).replace('-', '−'));
