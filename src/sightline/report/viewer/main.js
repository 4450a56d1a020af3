// The viewer takes its place on the page.

const root = document.getElementById('viewer');
buildBox();
setWindow(chosen.window, chosen.centre);
root.append(note, toolbar, countLine, list, more, box);
root.hidden = false;
document.documentElement.classList.add('has-viewer');
showTools();
showGrid();
box.addEventListener('keydown', pressed);
watchPointer();
new ResizeObserver(paint).observe(stages);
