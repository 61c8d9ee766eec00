// Runs on the server, in V8, after survey-core: the same library that drew the form says whether its answers hold.
// The library trusts its own inputs on shape (a rating of 99, a boolean "<script>"), so shapes are looked at here.
"use strict";

// V8 alone lacks it; the library puts off the drawing of menus with it.
globalThis.queueMicrotask ??= (task) => Promise.resolve().then(task);

// JSON texts in, JSON text out: {answers, errors: {question: [message]}, dropped: [key]}, or {failed: reason}.
function checkAnswers(surveyText, answersText) {
  try {
    return JSON.stringify(checked(JSON.parse(surveyText), JSON.parse(answersText)));
  } catch (error) {
    return JSON.stringify({ failed: String(error).slice(0, 200) });
  }
}

function checked(definition, sent) {
  const survey = new Survey.Model(definition);
  const questions = survey.getAllQuestions().filter((question) => question.hasInput || question.getType() === "expression");
  const owners = new Map();
  for (const question of questions) {
    owners.set(question.getValueName(), question);
    if (question.hasOther || question.hasComment) owners.set(question.getValueName() + survey.commentSuffix, question);
  }

  const known = {};
  const dropped = [];
  for (const [key, value] of Object.entries(sent)) {
    if (!owners.has(key)) dropped.push(key);
    else if (value !== null) known[key] = value;
  }
  survey.data = known;
  survey.validate(true, false);

  const answers = {};
  const errors = {};
  const refuse = (question, message) => (errors[question.name] ??= []).push(message);
  for (const question of questions) {
    const key = question.getValueName();
    if (!question.isVisibleInSurvey) continue;
    for (const error of question.getAllErrors()) refuse(question, error.getText());
    if (question.getType() === "expression") {
      if (survey.data[key] !== undefined) answers[key] = survey.data[key]; // reckoned here, whatever was sent
    } else if (key in known) {
      const mistaken = shape(question, known[key]) ?? changed(known[key], survey.data[key]);
      if (mistaken) refuse(question, mistaken);
      answers[key] = known[key];
    }
    const comment = key + survey.commentSuffix;
    if (comment in known) {
      if (typeof known[comment] !== "string") refuse(question, "The comment is not a text.");
      answers[comment] = known[comment];
    }
  }
  for (const key of Object.keys(known)) if (!owners.get(key).isVisibleInSurvey) dropped.push(key);
  survey.dispose();
  return { answers, errors, dropped };
}

// What is wrong with a value's form for this kind of question, if anything.
function shape(question, value) {
  switch (question.getType()) {
    case "boolean":
      return [question.valueTrue ?? true, question.valueFalse ?? false].includes(value) ? undefined : "Answer yes or no.";
    case "rating":
      return question.visibleRateValues.some((item) => item.value === value) ? undefined : "Choose one of the ratings.";
    case "radiogroup":
    case "dropdown":
    case "buttongroup":
      return offered(question, value) ? undefined : "Choose one of the answers that are offered.";
    case "imagepicker":
      if (!question.multiSelect) return offered(question, value) ? undefined : "Choose one of the pictures.";
    // falls through
    case "checkbox":
    case "tagbox":
    case "ranking":
      return Array.isArray(value) && value.every((one) => offered(question, one)) ? undefined : "Choose from the answers that are offered.";
    case "text":
      if (["number", "range"].includes(question.inputType)) {
        return Number.isFinite(value) ? undefined : "Enter a number.";
      }
      return words(question, value);
    case "comment":
      return words(question, value);
    case "matrix":
      return fields(value, question.rows.map((row) => row.value));
    case "multipletext":
      return fields(value, question.items.map((item) => item.name));
    case "matrixdropdown":
      return fields(value, question.rows.map((row) => row.value)) ?? each(Object.values(value), question);
    case "matrixdynamic":
    case "paneldynamic":
      return Array.isArray(value) ? each(value, question) : "This is no list.";
  }
}

function offered(question, value) {
  if (typeof value === "object") return false;
  // Choices of an address are not loaded here; free text may stand in for "other".
  if (!question.choicesByUrl?.isEmpty || (question.hasOther && question.storeOthersAsComment === false)) return true;
  return question.visibleChoices.some((choice) => choice.value === value);
}

function words(question, value) {
  if (typeof value !== "string") return "Enter a text.";
  const longest = question.getMaxLength();
  return longest > 0 && value.length > longest ? `Enter at most ${longest} characters.` : undefined;
}

function fields(value, names) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "This has no fields.";
  return Object.keys(value).every((name) => names.some((known) => String(known) === name)) ? undefined : "There is no such field.";
}

// Rows of a matrix or panels of one kind: their fields are known, and each cell is of its own question's form.
function each(rows, question) {
  const names = question.columns?.map((column) => column.name) ?? question.template.questions.map((cell) => cell.getValueName());
  for (const row of rows) {
    const mistaken = fields(row, names);
    if (mistaken) return mistaken;
  }
  for (const cell of question.getNestedQuestions()) {
    const mistaken = cell.isEmpty() ? undefined : shape(cell, cell.value);
    if (mistaken) return mistaken;
  }
}

// The library takes off what it does not know, without a word.
function changed(sent, kept) {
  return JSON.stringify(sent) === JSON.stringify(kept) ? undefined : "Choose one of the answers that are offered.";
}
