// The survey's form. What is typed stays on this device until the server has it on disk, and it is sent until it has:
// each try carries the same key, so the server keeps one answer however often it arrives.
"use strict";

(() => {
  const FIRST_WAIT_MS = 1000;
  const WAIT_MS_MAX = 30000;
  const TIMEOUT_MS = 20000;
  const SAFE = "Your answers are safe on this device and will be sent when it is back.";

  const given = JSON.parse(document.getElementById("definition").textContent);
  const address = location.pathname.replace(/\/$/, "");
  const link = given.interviewer ? "" : location.hash.slice(1); // who was invited has a key of their own in their link
  const key = /^[\w-]{16,64}$/.test(link) ? link : null;
  const place = `pumphouse/${given.interviewer ? "interview" : "survey"}/${given.name}${key ? `/${key}` : ""}`;
  const element = (id) => document.getElementById(id);
  let version, survey, draft;

  if (given.survey) begin(given);
  else invited();

  // The questions are for those with a link; the part behind the # is in no request but this one's body.
  async function invited() {
    if (!key) return notice("This survey is for those who were invited.", "Open the link that was sent to you.");
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, WAIT_MS_MAX)) {
      const answer = await post("open", { client_key: key });
      if (answer) {
        say("");
        const { response, body } = answer;
        if (!response.ok) return notice(sentence(body.error), body.mend);
        if (body.status === "open") return begin(body);
        forget();
        if (body.status === "withdrawn") return notice("You took your answers back.", "They are used no more.");
        notice("Your answers have arrived.", "Thank you!");
        return receipt();
      }
      say("There is no connection. The questions will be here when it is back.");
      await pause(wait);
    }
  }

  function begin(asked) {
    version = asked.version;
    draft = { key: key ?? randomKey(), version, data: {}, page: 0, ready: false, cleared: [], began: new Date().toISOString(), ...stored() };
    if (given.interviewer) beside();
    if (!asked.consent) return ask(asked.survey);
    if (draft.consent === asked.consent.version) return ask(asked.survey);
    element("agreement").replaceChildren(made("h1", document.title), ...paragraphs(asked.consent.text));
    element("consent").hidden = false;
    element("agree").onclick = () => {
      draft.consent = asked.consent.version;
      store();
      element("consent").hidden = true;
      ask(asked.survey);
      scrollTo(0, 0);
    };
    element("decline").onclick = () => {
      element("consent").hidden = true;
      forget();
      notice("That is fine.", "Nothing was kept. You may close this page.");
    };
  }

  function ask(definition) {
    survey = new Survey.Model(definition);
    survey.textUpdateMode = "onTyping";
    survey.showCompletedPage = true;
    survey.cookieName = null;
    if (Object.keys(draft.data).length > 0) survey.data = draft.data; // else those that the survey begins with stand
    survey.currentPageNo = Math.min(draft.page, Math.max(survey.visiblePageCount - 1, 0));
    survey.onValueChanged.add(({}, { name, value }) => {
      const emptied = value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
      draft.cleared = draft.cleared.filter((one) => one !== name);
      if (emptied && name in draft.data) draft.cleared.push(name);
      keep();
    });
    survey.onCurrentPageChanged.add(keep);
    survey.onServerValidateQuestions.add(async (_, options) => {
      if (!survey.isLastPage) return options.complete();
      const messages = await send();
      if (Object.keys(messages).length > 0) return refused(messages, options);
      options.complete();
    });
    survey.onComplete.add(async () => {
      if (!draft.kept) await send(); // a trigger ended it before the last page
      forget();
      receipt();
    });
    survey.render(element("survey"));
    if (draft.ready) survey.tryComplete(); // it was on its way when the tab was closed
  }

  // The server's messages stand at their questions, which may be on a page before this one.
  function refused(messages, options) {
    const here = new Set(survey.currentPage.questions.map((question) => question.name));
    const elsewhere = Object.keys(messages).filter((name) => !here.has(name)).map((name) => survey.getQuestionByName(name)).find(Boolean);
    for (const [name, message] of Object.entries(messages)) if (here.has(name)) options.errors[name] = message;
    if (elsewhere && Object.keys(options.errors).length === 0) {
      options.errors[survey.currentPage.questions[0].name] = "See the page before.";
      setTimeout(() => {
        survey.currentPage = elsewhere.page;
        for (const [name, message] of Object.entries(messages)) survey.getQuestionByName(name)?.addError(message);
        elsewhere.focus(true);
      });
    }
    options.complete();
  }

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(place));
    } catch {
      return null;
    }
  }

  function keep() {
    Object.assign(draft, { data: survey.data, page: survey.currentPageNo });
    store();
  }

  function store() {
    try {
      localStorage.setItem(place, JSON.stringify(draft));
    } catch {
      // No storage here (a private window): the answers live as long as the page.
    }
  }

  function forget() {
    try {
      localStorage.removeItem(place);
    } catch {}
  }

  // Messages by question, none where the server has the answers. It tries until the server says one or the other.
  async function send() {
    draft.ready = true;
    draft.version = version;
    keep();
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, WAIT_MS_MAX)) {
      say("Sending your answers …");
      const answer = await post("answers", {
        client_key: draft.key,
        version,
        answers: survey.data,
        cleared: draft.cleared,
        began_at: draft.began,
        consent: draft.consent,
        ...typed(),
      });
      if (answer) {
        draft.ready = false;
        draft.kept = answer.response.ok;
        keep();
        say("");
        return answer.response.ok ? {} : messagesOf(answer.body);
      }
      say(`There is no connection. ${SAFE}`);
      await pause(wait);
    }
  }

  function messagesOf(body) {
    const messages = Object.fromEntries(Object.entries(body.messages ?? {}).map(([question, said]) => [question, said.join(" ")]));
    if (Object.keys(messages).length > 0) return messages;
    const said = [sentence(body.error ?? "the answers were refused"), body.mend].filter(Boolean).join(" ");
    say(said);
    return { [survey.currentPage.questions[0].name]: said };
  }

  // The server's answer, or null where there is none that settles it.
  async function post(what, body) {
    let response;
    try {
      response = await fetch(`${address}/${what}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout?.(TIMEOUT_MS),
      });
    } catch {
      return null;
    }
    if (response.status >= 500 || response.status === 429 || response.status === 408) return null;
    return { response, body: await response.json().catch(() => ({})) };
  }

  function pause(wait_ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(done, wait_ms);
      function done() {
        clearTimeout(timer);
        removeEventListener("online", done);
        resolve();
      }
      addEventListener("online", done);
    });
  }

  // What an interviewer says beside the answers, kept for the next respondent.
  function beside() {
    const form = element("interview");
    form.hidden = false;
    element("who").textContent = given.interviewer;
    form.mode.value = sessionStorage.getItem(`${place}/mode`) ?? "interview";
    form.day.value = sessionStorage.getItem(`${place}/day`) ?? "";
    form.day.max = new Date().toISOString().slice(0, 10);
    form.onchange = () => {
      sessionStorage.setItem(`${place}/mode`, form.mode.value);
      sessionStorage.setItem(`${place}/day`, form.day.value);
    };
    form.onsubmit = (event) => event.preventDefault();
  }

  function typed() {
    if (!given.interviewer) return {};
    const form = element("interview");
    const day = form.day.value && new Date(`${form.day.value}T00:00`);
    return { mode: form.mode.value, given_at: day ? day.toISOString() : undefined };
  }

  function receipt() {
    element("key").textContent = draft?.key ?? key;
    element("withdraw").href = `${address.replace(/^\/interviews\//, "/surveys/")}/withdraw#${draft?.key ?? key}`;
    element("receipt").hidden = false;
    if (!given.interviewer) return;
    element("more").hidden = false;
    element("next").onclick = () => location.reload();
    element("next").focus();
  }

  function notice(title, text) {
    const heading = document.createElement("h1");
    heading.textContent = title;
    const words = document.createElement("p");
    words.textContent = text ?? "";
    element("notice").replaceChildren(heading, words);
    element("notice").hidden = false;
    element("notice").focus();
  }

  // Plain words with headings (#) and lists (-): text nodes, whatever stands in them.
  function paragraphs(text) {
    return text.trim().split(/\n\s*\n/).map((block) => {
      const heading = /^#+\s+(.*)$/.exec(block);
      const lines = block.split("\n");
      if (lines.every((line) => /^\s*[-*]\s/.test(line))) {
        const list = document.createElement("ul");
        list.append(...lines.map((line) => made("li", line.replace(/^\s*[-*]\s/, ""))));
        return list;
      }
      return heading ? made("h2", heading[1]) : made("p", lines.join(" "));
    });
  }

  function made(tag, text) {
    const node = document.createElement(tag);
    node.textContent = text;
    return node;
  }

  function sentence(text) {
    const words = String(text);
    return words.charAt(0).toUpperCase() + words.slice(1) + (/[.?!]$/.test(words) ? "" : ".");
  }

  function say(text) {
    element("status").textContent = text;
    element("status").hidden = !text;
  }

  // crypto.randomUUID exists in secure places only; a form may be served to a phone through a plain address.
  function randomKey() {
    return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
})();
