// Keys, the mouse and touch on the large film.

const LAYER_KEYS = { f: 'film', m: 'map', t: 'outline', p: 'peak', c: 'consensus', r: 'readers', l: 'lungs' };
const SWIPE = 48; // CSS pixels, at least

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const { key } = event;
  const isTaken = event.target.matches('input[type=range], select'); // these have the arrows for themselves
  if (key === 'ArrowRight' && !isTaken) step(1);
  else if (key === 'ArrowLeft' && !isTaken) step(-1);
  else if (key === 'PageDown') step(1);
  else if (key === 'PageUp') step(-1);
  else if (key === '[') setLevel(chosen.level - 1);
  else if (key === ']') setLevel(chosen.level + 1);
  else if (key === '-' || key === '−') setOpacity(100 * chosen.opacity - 10);
  else if (key === '+' || key === '=') setOpacity(100 * chosen.opacity + 10);
  else if (LAYER_KEYS[key] && !event.target.matches('select')) {
    const name = LAYER_KEYS[key];
    if (!parts[name].input.disabled) setLayer(name, !chosen.show[name]);
  } else return;
  event.preventDefault();
}

// A drag with the mouse or a pen sets window (across) and level (down); a swipe of a finger turns to the next film.
function watchPointer() {
  let start = null;
  stages.addEventListener('pointerdown', (event) => {
    if (event.button || !event.target.closest('.viewer-stage')) return;
    start = { x: event.clientX, y: event.clientY, window: chosen.window, centre: chosen.centre, id: event.pointerId };
    if (event.pointerType !== 'touch') stages.setPointerCapture(event.pointerId);
  });
  stages.addEventListener('pointermove', (event) => {
    if (!start || event.pointerId !== start.id || event.pointerType === 'touch') return;
    const [across, down] = [event.clientX - start.x, event.clientY - start.y];
    if (Math.hypot(across, down) > 3) setWindow(start.window + across / 2, start.centre + down / 2);
  });
  stages.addEventListener('pointerup', (event) => {
    if (start && event.pointerType === 'touch') {
      const [across, down] = [event.clientX - start.x, event.clientY - start.y];
      if (Math.abs(across) > SWIPE && Math.abs(across) > 1.5 * Math.abs(down)) step(across < 0 ? 1 : -1);
    }
    start = null;
  });
  stages.addEventListener('pointercancel', () => { start = null; });
  stages.addEventListener('dblclick', () => setWindow(255, 128));
}
