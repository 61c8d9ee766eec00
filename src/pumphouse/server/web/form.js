// The survey's form. What is typed stays on this device until the server has it on disk, and it is sent until it has:
// each try carries the same key, so the server keeps one answer however often it arrives.
"use strict";

(() => {
  const FIRST_WAIT_MS = 1000;
  const WAIT_MS_MAX = 30000;
  const TIMEOUT_MS = 20000;

  const { name, version, survey: definition } = JSON.parse(document.getElementById("definition").textContent);
  const place = `pumphouse/survey/${name}`;
  const status = document.getElementById("status");
  const draft = stored() ?? { key: crypto.randomUUID?.() ?? randomKey(), version, data: {}, page: 0, ready: false };

  const survey = new Survey.Model(definition);
  survey.textUpdateMode = "onTyping";
  survey.showCompletedPage = true;
  survey.cookieName = null;
  survey.data = draft.data;
  survey.currentPageNo = Math.min(draft.page, Math.max(survey.visiblePageCount - 1, 0));

  survey.onValueChanged.add(keep);
  survey.onCurrentPageChanged.add(keep);
  survey.onServerValidateQuestions.add(async (_, options) => {
    if (!survey.isLastPage) return options.complete();
    const messages = await send();
    for (const [question, message] of Object.entries(messages)) options.errors[question] = message;
    options.complete();
    if (Object.keys(messages).length === 0) forget();
  });
  survey.render(document.getElementById("survey"));
  if (draft.ready) survey.tryComplete(); // it was on its way when the tab was closed

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(place));
    } catch {
      return null;
    }
  }

  function keep() {
    Object.assign(draft, { data: survey.data, page: survey.currentPageNo });
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
      const outcome = await attempt();
      if (outcome) {
        draft.ready = false;
        keep();
        say(outcome.said);
        return outcome.messages;
      }
      say("There is no connection. Your answers are safe on this device and will be sent when it is back.");
      await pause(wait);
    }
  }

  async function attempt() {
    let response;
    try {
      response = await fetch(`${location.pathname.replace(/\/$/, "")}/answers`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ client_key: draft.key, version, answers: survey.data }),
        signal: AbortSignal.timeout?.(TIMEOUT_MS),
      });
    } catch {
      return null;
    }
    if (response.ok) return { messages: {}, said: "" };
    if (response.status >= 500 || response.status === 429 || response.status === 408) return null;
    const body = await response.json().catch(() => ({}));
    const messages = Object.fromEntries(Object.entries(body.messages ?? {}).map(([question, said]) => [question, said.join(" ")]));
    if (Object.keys(messages).length > 0) return { messages, said: "" };
    const said = [body.error ?? "The answers were refused.", body.mend].filter(Boolean).join(" ");
    return { messages: { [survey.currentPage.questions[0].name]: said }, said };
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

  function say(text) {
    status.textContent = text;
    status.hidden = !text;
  }

  // crypto.randomUUID exists in secure places only; a form may be served to a phone through a plain address.
  function randomKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
})();
