// What `make lint` asks of the JavaScript: of the experts' page, which is modules, and of the report's viewer, whose
// files share one scope in one script. Circles of imports are found by tests/annotate/test_page_modules.py.

import { readdirSync, readFileSync } from "node:fs";
import globals from "globals";

const VIEWER = new URL("../../src/sightline/report/viewer/", import.meta.url);

const RULES = {
  eqeqeq: "error",
  "no-const-assign": "error",
  "no-dupe-args": "error",
  "no-dupe-class-members": "error",
  "no-dupe-keys": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-import-assign": "error",
  "no-new-func": "error",
  "no-undef": "error",
  "no-unreachable": "error",
  "no-unused-private-class-members": "error",
  "no-unused-vars": "error",
  "no-var": "error",
  "prefer-const": "error",
  "max-lines-per-function": ["error", 80],
};

/** The names that the viewer's files declare for each other. */
function viewerNames() {
  const names = readdirSync(VIEWER)
    .filter((file) => file.endsWith(".js"))
    .flatMap((file) => [
      ...readFileSync(new URL(file, VIEWER), "utf8").matchAll(/^(?:async )?(?:class|const|function|let) (\w+)/gm),
    ])
    .map(([, name]) => [name, "writable"]);
  return Object.fromEntries(names);
}

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules: RULES },
  {
    files: ["src/sightline/annotate/page/*.js"],
    languageOptions: { sourceType: "module", globals: globals.browser },
  },
  {
    files: ["src/sightline/report/viewer/*.js"],
    languageOptions: { sourceType: "script", globals: { ...globals.browser, ...viewerNames() } },
    // what one file declares, another uses
    rules: { "no-unused-vars": ["error", { vars: "local" }] },
  },
];
