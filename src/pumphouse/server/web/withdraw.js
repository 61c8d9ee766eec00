// Takes a respondent's answers back. Their receipt may stand behind the # of the address, which no browser sends along.
"use strict";

(() => {
  const form = document.getElementById("withdraw");
  const said = document.getElementById("said");
  const button = form.querySelector("button");
  form.key.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say("One moment …");
    try {
      const response = await fetch(location.pathname, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ client_key: form.key.value.trim() }),
      });
      const body = await response.json();
      if (response.ok) {
        form.hidden = true;
        say("Your answers are taken back. Nobody reads them any more.");
      } else say([body.error, body.mend].filter(Boolean).join(". "));
    } catch {
      say("There is no connection. Nothing was taken back yet: try again.");
    }
    button.disabled = false;
  });

  function say(text) {
    said.textContent = text.charAt(0).toUpperCase() + text.slice(1);
    said.focus();
  }
})();
