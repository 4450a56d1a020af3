/** Who the reader is: name, profession, years of experience and, optionally, an e-mail address
 *  and a PIN. */

import { ApiError } from "./api.js";
import { button, element } from "./elements.js";
import { language, t } from "./words.js";

/** The fields of the form, by name. */
function makeFields(professions) {
  const input = (name, properties) => field(name, element("input", { id: name, ...properties }));
  const choices = professions.map((name) => element("option", { value: name, text: t(`profession.${name}`) }));
  const none = element("option", { value: "", text: t("enrolment.choose") });
  return {
    name: input("name", { type: "text", maxlength: 200, autocomplete: "name", required: true }),
    profession: field("profession", element("select", { id: "profession", required: true }, none, ...choices)),
    years: input("years", { type: "text", inputmode: "numeric", maxlength: 2, autocomplete: "off", required: true }),
    email: input("email", { type: "email", maxlength: 200, autocomplete: "email" }),
    pin: input("pin", { type: "password", inputmode: "numeric", maxlength: 12, autocomplete: "off" }),
  };
}

/** The enrolment form; every problem is shown next to its field. */
export function enrolmentScreen(app) {
  const draft = app.draft;
  const fields = makeFields(app.session.professions);
  for (const [name, { control }] of Object.entries(fields)) {
    control.value = draft[name] ?? "";
    control.addEventListener("input", () => {
      draft[name] = control.value;
      if (control.hasAttribute("aria-invalid")) showProblem(fields[name], problems(fields)[name]);
    });
  }
  const refusal = element("p", { class: "problem", role: "alert", hidden: true, id: "enrolment-problem" });
  const submit = element("button", { type: "submit", text: t("enrolment.submit"), id: "continue", class: "primary" });
  const form = element(
    "form",
    { class: "fields", novalidate: true, id: "enrolment" },
    ...Object.values(fields).map(({ node }) => node),
    refusal,
    element(
      "div",
      { class: "actions" },
      submit,
      button(t("button.back"), () => app.go.consent(), { id: "back" }),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = Object.entries(problems(fields)).filter(([name, problem]) => showProblem(fields[name], problem));
    if (wrong.length > 0) return fields[wrong[0][0]].control.focus();
    return enrol(app, fields, refusal, submit);
  });
  return {
    name: "enrolment",
    title: t("enrolment.title"),
    content: [
      element(
        "div",
        { class: "page narrow" },
        element("p", { class: "eyebrow", text: t("enrolment.step", { step: 2, steps: 2 }) }),
        element("h1", { text: t("enrolment.title") }),
        element("p", { class: "lead", text: t("enrolment.text") }),
        form,
      ),
    ],
  };
}

/** A labelled control with a hint and a place for its problem. */
function field(name, control) {
  const problem = element("p", { class: "problem", id: `${name}-problem`, hidden: true });
  const hint = element("p", { class: "hint", id: `${name}-hint`, text: t(`enrolment.${name}.hint`) });
  control.setAttribute("aria-describedby", `${name}-hint ${name}-problem`);
  const label = element("label", { for: name, text: t(`enrolment.${name}`) });
  return { control, problem, node: element("div", { class: "field" }, label, hint, control, problem) };
}

/** The key of each field's problem, null where there is none. */
function problems({ name, profession, years, email, pin }) {
  const count = years.control.value.trim();
  const address = email.control.value.trim();
  return {
    name: name.control.value.trim() ? null : "enrolment.name.missing",
    profession: profession.control.value ? null : "enrolment.profession.missing",
    years: /^\d{1,2}$/.test(count) && Number(count) <= 80 ? null : "enrolment.years.wrong",
    email: address === "" || /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address) ? null : "enrolment.email.wrong",
    pin: /^(\d{4,12})?$/.test(pin.control.value.trim()) ? null : "enrolment.pin.wrong",
  };
}

/** Shows a field's problem, or none where the key is null. @returns {boolean} whether there is one */
function showProblem({ control, problem }, key) {
  problem.hidden = key === null;
  problem.textContent = key === null ? "" : t(key);
  if (key === null) control.removeAttribute("aria-invalid");
  else control.setAttribute("aria-invalid", "true");
  return key !== null;
}

async function enrol(app, { name, profession, years, email, pin }, refusal, submit) {
  refusal.hidden = true;
  submit.disabled = submit.form.inert = true; // what is typed from now on would not be sent
  try {
    app.session = app.api.adopt(
      await app.api.post("/api/enrolment", {
        name: name.control.value.trim(),
        email: email.control.value.trim() || null,
        profession: profession.control.value,
        years: Number(years.control.value.trim()),
        language: language(),
        consent_version: t("consent.version"),
        consent: true,
        pin: pin.control.value.trim() || null,
      }),
    );
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return app.signedOut();
    if (error.code === "already_enrolled") return app.begin(); // the answer to an earlier attempt was lost
    refusal.textContent = t(error.problem, { message: error.message });
    refusal.hidden = false;
    submit.disabled = submit.form.inert = false;
    return submit.focus();
  }
  app.draft = {};
  return app.resume();
}
