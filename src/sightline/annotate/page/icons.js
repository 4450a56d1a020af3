/** The desk's icons: one path per action in a box of 24 x 24, drawn as a line in the colour of the text. */

const PATHS = {
  brush: "M4 20c3 0 5-1 5-3.5A2.5 2.5 0 0 0 6.5 14C4.5 14 5 17 3 18M9 14.5 18.5 4a1.8 1.8 0 0 1 2.5 2.5L10.5 16",
  outline: "M7 6c4-4 12-1 12 5 0 5-3 4-5 6s-6 3-9-1 0-8 2-10Z",
  polygon: "M5 8 13 4l7 6-3 9H7ZM5 8h.01M13 4h.01M20 10h.01M17 19h.01M7 19h.01",
  point: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM12 2v4M12 18v4M2 12h4M18 12h4",
  box: "M4 6h16v12H4ZM4 6h.01M20 18h.01",
  ellipse: "M12 6c5 0 9 2.5 9 6s-4 6-9 6-9-2.5-9-6 4-6 9-6Z",
  eraser: "m8 19-5-5L13 4l7 7-8 8Zm-.5-9.5 7 7M12 19h8",
  hand: "M8 13V5.5a1.5 1.5 0 0 1 3 0V11m0-6.5v-1a1.5 1.5 0 0 1 3 0V11m0-5.5a1.5 1.5 0 0 1 3 0V13m0-4a1.5 1.5 0 0 1 3 0v5c0 4-2.5 7-6.5 7-3 0-4.5-1.5-6-4l-2.7-4.6a1.5 1.5 0 0 1 2.6-1.5L8 13",
  remove: "M5 12h14",
  undo: "M9 5 4 10l5 5M4 10h10a5.5 5.5 0 0 1 0 11h-3",
  redo: "m15 5 5 5-5 5M20 10H10a5.5 5.5 0 0 0 0 11h3",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  zoomIn: "M16 16l5 5M10.5 18a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM10.5 7.5v6M7.5 10.5h6",
  zoomOut: "M16 16l5 5M10.5 18a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM7.5 10.5h6",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  oneToOne: "M6 8l2-2v12M16 8l2-2v12M12 10h.01M12 15h.01",
  window: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 3v18M12 8h7M12 12h9M12 16h7",
  window_own: "M5 4h14v16H5ZM8 4v16M16 4v16",
  window_lung: "M12 3v9M11 9c-4 0-7 5-7 10 0 2 6 2 7-1ZM13 9c4 0 7 5 7 10 0 2-6 2-7-1Z",
  window_bone: "M6 8a2 2 0 1 1 3-2l9 9a2 2 0 1 1-2 3 2 2 0 1 1-1-1L6 9a2 2 0 0 1 0-1Z",
  window_whole: "M3 12h18M3 8v8M21 8v8",
  smooth: "M3 18c5 0 4-12 9-12s4 12 9 12",
  invert: "M4 4h16v16H4ZM4 20 20 4M8 8h4M15 14v4M13 16h4",
  reset: "M4 5v5h5M4.5 10a8 8 0 1 1-.5 4",
  marks: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 18h.01",
};

/**
 * @param {string} action such as "brush".
 * @returns {SVGElement} its icon, hidden from screen readers: the button's label says the same.
 */
export function icon(action) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" })) {
    svg.setAttribute(name, value);
  }
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", PATHS[action]);
  svg.append(drawn);
  return svg;
}
