// Runs on the server, in V8, after survey-core: the same library that drew the form says whether its answers hold.
// The library trusts its own inputs on shape (a rating of 99, a boolean "<script>"), so shapes are looked at here.
"use strict";

// V8 alone lacks it; the library puts off the drawing of menus with it.
globalThis.queueMicrotask ??= (task) => Promise.resolve().then(task);

const MODELS_MAX = 16;
// What a model remembers of the answers before; of a survey with such rules each answer gets a model of its own.
const REMEMBERING = /"(triggers|calculatedValues|setValueIf|setValueExpression|resetValueIf|defaultValueExpression)"/;
const UNKNOWN = { unknown: true };

const models = new Map(); // version -> the survey as it was built once; building takes longer than checking

// JSON texts in, JSON text out: {answers, errors: {question: [message]}, dropped: [key], marks: {key: why there is no
// answer}, files: [key]}; {failed: reason}; or {unknown: true} where the survey's text is wanted, and was not given.
function checkAnswers(version, surveyText, sentText) {
  try {
    const known = models.get(version) ?? (surveyText && learnt(version, surveyText));
    return JSON.stringify(known ? checked(known, JSON.parse(sentText)) : UNKNOWN);
  } catch (error) {
    models.delete(version); // whatever state it is in now
    return JSON.stringify({ failed: String(error).slice(0, 200) });
  }
}

function learnt(version, text) {
  if (models.size >= MODELS_MAX) models.delete(models.keys().next().value);
  const known = { definition: JSON.parse(text), remembers: REMEMBERING.test(text) };
  const whole = new Survey.Model(known.definition);
  known.defaults = copied(whole.data);
  known.plain = known.remembers ? new Map() : plainQuestions(known.definition, whole);
  known.survey = known.plain.size > 0 ? new Survey.Model(without(known.plain, known.definition)) : whole;
  known.order = [...ownersOf(whole).keys()];
  models.set(version, known);
  return known;
}

function checked(known, sent) {
  const quick = known.remembers ? null : outcome(known.survey, known, sent, false, known.plain);
  if (quick && Object.keys(quick.errors).length === 0) return quick;
  const survey = new Survey.Model(known.definition); // nobody is refused for what others answered before
  const result = outcome(survey, known, sent, true);
  survey.dispose();
  return result;
}

// Questions by the key of their answer; those with one valueName share it.
function ownersOf(survey) {
  const questions = survey.getAllQuestions().filter((question) => question.hasInput || question.getType() === "expression");
  const owners = new Map();
  const own = (key, question) => owners.has(key) ? owners.get(key).push(question) : owners.set(key, [question]);
  for (const question of questions) {
    own(question.getValueName(), question);
    if (commented(question)) own(question.getValueName() + survey.commentSuffix, question);
  }
  return owners;
}

// What became of what was sent; null where something is wrong and nobody asks for the messages. `plain` are questions
// that are not in `survey`.
function outcome(survey, { defaults, order }, sent, withMessages, plain = new Map()) {
  const owners = ownersOf(survey);
  const known = {};
  const dropped = [];
  for (const [key, value] of Object.entries(sent.answers)) {
    if (!owners.has(key) && !plain.has(key)) dropped.push(key);
    else if (value !== null) known[key] = value;
  }
  for (const [key, question] of plain) if (!holds(question, known[key])) return null;
  survey.data = copied(known); // the library changes lists in place, and what was sent has to stay as it was
  const locked = new Set();
  for (const [key, all] of owners) if (all.every((question) => reckoned(question) || question.isReadOnly)) locked.add(key);
  const theirs = [...locked].filter((key) => key in known && !same(known[key], defaults[key]));
  if (theirs.length > 0 || [...locked].some((key) => key in defaults)) {
    for (const key of locked) delete known[key];
    const given = Object.entries(defaults).filter(([key]) => locked.has(key));
    survey.data = copied({ ...Object.fromEntries(given), ...known });
  }
  if (!survey.validate(withMessages, false) && !withMessages) return null;
  const beyond = notReached(survey);

  const answers = {};
  const errors = {};
  const marks = {};
  const files = [];
  const refuse = (question, message) => (errors[question.name] ??= []).push(message);
  for (const key of order) {
    if (plain.has(key)) {
      if (key in known) answers[key] = known[key];
      else marks[key] = (sent.cleared ?? []).includes(key) ? "cleared" : "skipped";
      continue;
    }
    const all = owners.get(key);
    const visible = all.filter((question) => question.isVisibleInSurvey && !(beyond.has(question.page) && question.isEmpty()));
    const isComment = !all.some((question) => question.getValueName() === key);
    if (visible.length === 0) {
      if (!isComment) marks[key] = "hidden";
      if (key in known) dropped.push(key);
    } else if (isComment) {
      if (!(key in known)) continue;
      if (typeof known[key] !== "string") refuse(visible[0], "The comment is not a text.");
      answers[key] = known[key];
    } else if (locked.has(key)) {
      const value = key in defaults || all.some(fillsItself) ? survey.data[key] : undefined;
      if (value !== undefined) answers[key] = value; // reckoned here, whatever was sent
      if (key in sent.answers && sent.answers[key] !== null && !same(sent.answers[key], value)) dropped.push(key);
    } else {
      for (const question of visible) {
        if (withMessages) for (const error of question.getAllErrors()) refuse(question, error.getText());
        if (!(key in known)) continue;
        const mistaken = shape(question, known[key], all) ?? changed(known[key], survey.data[key]);
        if (mistaken) refuse(question, mistaken);
        if (question.getType() === "file") files.push(key);
      }
      if (key in known) answers[key] = known[key];
      const mark = empty(known[key]) ? ((sent.cleared ?? []).includes(key) ? "cleared" : "skipped") : said(visible[0], known[key]);
      if (mark) marks[key] = mark;
    }
  }
  return { answers, errors, dropped, marks, files };
}

// Questions whose answer nothing but their own type decides on need no model that is told of each answer, which is most
// of the work. Of whatever is not in these lists, the library knows.
const PLAIN = {
  survey: ["title", "description", "locale", "pages", "elements", "completedHtml", "showProgressBar"],
  page: ["name", "title", "description", "elements"],
  panel: ["type", "name", "title", "description", "elements"],
  question: ["type", "name", "title", "description", "isRequired"],
  text: ["placeholder", "inputType", "min", "max"],
  comment: ["placeholder", "maxLength", "rows"],
  boolean: ["labelTrue", "labelFalse"],
  rating: ["rateMin", "rateMax", "minRateDescription", "maxRateDescription"],
  radiogroup: ["choices"],
  dropdown: ["choices"],
  checkbox: ["choices"],
};

function plainQuestions(definition, whole) {
  const found = new Map();
  const of = (part, ...kinds) => Object.keys(part).every((name) => kinds.some((kind) => PLAIN[kind].includes(name)));
  const gather = (part) => {
    for (const one of part.elements ?? []) {
      if (one.type === "panel") of(one, "panel") && gather(one);
      else if (PLAIN[one.type] && !PLAIN[one.type].includes("elements") && of(one, "question", one.type) && isPlain(one, texts)) {
        found.set(one.name, whole.getQuestionByName(one.name));
      }
    }
  };
  if (!of(definition, "survey")) return found;
  const texts = textsOf(definition).map((text) => text.toLowerCase());
  gather(definition);
  for (const page of definition.pages ?? []) if (of(page, "page")) gather(page);
  return found;
}

// An expression may take a plain question's answer, `{name}`, from the data; whatever else names it wants the question.
function isPlain(question, texts) {
  if (typeof question.name !== "string" || !/^[A-Za-z]\w*$/.test(question.name) || question.name in {}) return false;
  if (!["number", undefined].includes(question.inputType)) return false;
  if (![question.min, question.max].every((one) => ["number", "undefined"].includes(typeof one))) return false;
  if (!(question.choices ?? []).every((one) => ["string", "number"].includes(typeof (one?.value ?? one)))) return false;
  if (!(question.choices ?? []).every((one) => typeof one !== "object" || Object.keys(one).every((key) => ["value", "text"].includes(key)))) return false;
  const name = question.name.toLowerCase();
  const named = texts.filter((text) => text.trim() === name || (/[{(]/.test(text) && text.replaceAll(`{${name}}`, "").includes(name)));
  return named.length === 1; // its own
}

function textsOf(value) {
  if (typeof value === "string") return [value];
  return value !== null && typeof value === "object" ? Object.values(value).flatMap(textsOf) : [];
}

function without(plain, part) {
  if (Array.isArray(part)) return part.filter((one) => !(one?.type in PLAIN && plain.has(one.name))).map((one) => without(plain, one));
  const { pages, elements } = part;
  return { ...part, ...(pages && { pages: without(plain, pages) }), ...(elements && { elements: without(plain, elements) }) };
}

// Whether an answer to a plain question holds for certain.
function holds(question, value) {
  if (value === undefined) return !question.isRequired;
  const isBlank = typeof value === "string" ? value.trim() === "" : empty(value);
  return !isBlank && !shape(question, value) && !(value < question.min) && !(value > question.max);
}

function reckoned(question) {
  return question.getType() === "expression";
}

// Others that are locked have no value: what their model still holds of it is from an answer before.
function fillsItself(question) {
  return reckoned(question) || Boolean(question.setValueExpression || question.defaultValueExpression);
}

function commented(question) {
  return question.hasOther || question.hasComment;
}

function empty(value) {
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

// What a choice says that is no answer: "don't know", "rather not say".
function said(question, value) {
  const chosen = Array.isArray(value) ? value : [value];
  if (question.showDontKnowItem && chosen.includes(question.dontKnowItem.value)) return "unknown";
  if (question.showRefuseItem && chosen.includes(question.refuseItem.value)) return "refused";
}

// Pages that a respondent does not come to, since a trigger ended the survey before or went on behind them.
function notReached(survey) {
  const beyond = new Set();
  const pages = survey.visiblePages;
  const triggers = survey.triggers.filter((one) => ["completetrigger", "skiptrigger"].includes(one.getType()) && one.expression);
  if (triggers.length === 0) return beyond;
  const values = {};
  for (let at = 0; at < pages.length; at++) {
    if (beyond.has(pages[at])) continue;
    for (const question of pages[at].questions) if (!question.isEmpty()) values[question.getValueName()] = question.value;
    for (const trigger of triggers) {
      if (!new Survey.ConditionRunner(trigger.expression).runValues(values)) continue;
      const target = trigger.getType() === "skiptrigger" && survey.getQuestionByName(trigger.gotoName);
      const until = target ? pages.indexOf(target.page) : pages.length;
      for (const page of pages.slice(at + 1, Math.max(until, at + 1))) beyond.add(page);
    }
  }
  return beyond;
}

// What is wrong with a value's form for this kind of question, if anything; `all` are those that share the value.
function shape(question, value, all = [question]) {
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
      return several(question, value) ? undefined : "Choose from the answers that are offered.";
    case "text":
      if (["number", "range"].includes(question.inputType)) {
        return Number.isFinite(value) ? undefined : "Enter a number.";
      }
      return words(question, value);
    case "comment":
      return words(question, value);
    case "slider":
      return [value].flat().every(Number.isFinite) ? undefined : "Enter a number.";
    case "signaturepad":
      return typeof value === "string" && value.startsWith("data:image/") ? undefined : "This is no signature.";
    case "file":
      return attached(question, value);
    case "matrix":
      return fields(value, question.rows.map((row) => row.value)) ?? cells(question, value);
    case "multipletext":
      return fields(value, question.items.map((item) => item.name)) ?? items(question, value);
    case "matrixdropdown":
      return fields(value, question.rows.map((row) => row.value)) ?? each(Object.values(value), question, all);
    case "matrixdynamic":
    case "paneldynamic":
      return Array.isArray(value) ? each(value, question, all) : "This is no list.";
  }
}

function offered(question, value) {
  if (typeof value === "object") return false;
  // Choices of an address are not loaded here; free text may stand in for "other".
  if (!question.choicesByUrl?.isEmpty || (question.hasOther && question.storeOthersAsComment === false)) return true;
  return question.visibleChoices.some((choice) => choice.value === value);
}

function several(question, value) {
  if (!Array.isArray(value)) return false;
  const property = question.valuePropertyName; // each choice may be an object with one field
  const chosen = property ? value.map((one) => one?.[property]) : value;
  return new Set(chosen).size === chosen.length && chosen.every((one) => offered(question, one));
}

function words(question, value) {
  if (typeof value !== "string") return "Enter a text.";
  const longest = question.getMaxLength();
  return longest > 0 && value.length > longest ? `Enter at most ${longest} characters.` : undefined;
}

// Files as the form sends them: name, type and the bytes in base64.
function attached(question, value) {
  if (!Array.isArray(value)) return "This is no list of files.";
  if (!question.allowMultiple && value.length > 1) return "Choose one file.";
  for (const file of value) {
    const mistaken = fields(file, ["name", "type", "content"]);
    if (mistaken || !["name", "type", "content"].every((field) => typeof file[field] === "string")) return "This is no file.";
    const bytes = /^data:[^,]*;base64,([A-Za-z0-9+/]*)(={0,2})$/.exec(file.content);
    if (!bytes || (bytes[1].length + bytes[2].length) % 4) return "This is no file.";
    if (question.maxSize > 0 && Math.floor((bytes[1].length * 3) / 4) > question.maxSize) return "This file is too large.";
  }
}

function fields(value, names) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "This has no fields.";
  return Object.keys(value).every((name) => names.some((known) => String(known) === name)) ? undefined : "There is no such field.";
}

function cells(question, value) {
  const columns = question.visibleColumns.map((column) => column.value);
  const chosen = Object.values(value).flat();
  return chosen.every((one) => columns.includes(one)) ? undefined : "Choose one of the answers that are offered.";
}

function items(question, value) {
  for (const item of question.items) {
    const mistaken = item.name in value ? shape(item.editor, value[item.name]) : undefined;
    if (mistaken) return mistaken;
  }
}

// Rows of a matrix or panels of one kind: their fields are known, and each cell is of its own question's form.
function each(rows, question, all) {
  const names = all.flatMap(cellNames);
  for (const row of rows) {
    const mistaken = fields(row, names);
    if (mistaken) return mistaken;
  }
  for (const cell of question.getNestedQuestions()) {
    const mistaken = cell.isEmpty() ? undefined : shape(cell, cell.value);
    if (mistaken) return mistaken;
  }
}

function cellNames(question) {
  const cells = question.columns?.map((column) => column.templateQuestion) ?? question.template?.questions ?? [];
  const detail = question.detailPanel?.questions ?? [];
  const suffix = question.survey.commentSuffix;
  const name = (cell) => cell.getValueName();
  return [...cells, ...detail].flatMap((cell) => commented(cell) ? [name(cell), name(cell) + suffix] : [name(cell)]);
}

// The library takes off what it does not know, without a word.
function changed(sent, kept) {
  return same(sent, kept) ? undefined : "Choose one of the answers that are offered.";
}

function copied(value) {
  return JSON.parse(JSON.stringify(value));
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
