/* Single keys press the button that shows them (data-key); nothing can be done by key alone.
   A decision (data-decides) is taken once, and for the card that somebody could have read: what is pressed while an
   answer is on its way, by the second half of a double click, by a key held down, or before the next card has stood
   there for a moment, decides nothing and says so. The server binds each form to its card and text besides. */
(() => {
  "use strict";
  const READ_MS = 300;
  const FIELD = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
  let busy = false, since = performance.now(), card = "";

  const seen = (one) => one.checkVisibility() && !one.disabled;
  const current = () => document.querySelector("[data-card]")?.dataset.card ?? "";
  const say = (text) => {
    const toast = document.getElementById("toast"), line = document.createElement("p");
    line.className = "toast warn";
    line.textContent = text;
    toast?.replaceChildren(line);
  };
  const why = (event) => {
    if (busy) return "The answer before is still on its way: this one was not taken.";
    if (event.detail > 1) return "The second click was not taken: it would have been about the next card.";
    if (performance.now() - since < READ_MS) return "Not taken: this card had only just come up.";
    return "";
  };

  function press(one) {
    if (one.matches(FIELD)) return one.focus();
    one.click();
    const opened = one.matches("summary") && one.parentElement.open;
    if (opened) [...one.parentElement.querySelectorAll(`.popped :is(${FIELD}, button)`)].find(seen)?.focus();
  }

  function escape(field) {
    const open = document.querySelector("details.pop[open]");
    if (field) field.blur();
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    } else if (field) {
      document.getElementById("card-title")?.focus({ preventScroll: true });
    }
  }

  document.addEventListener("keydown", (event) => {
    const at = event.target instanceof Element ? event.target : document.body;
    const field = at.closest(FIELD);
    if (event.repeat && (event.key === "Enter" || event.key === " ") && at.closest("[data-decides]")) {
      event.preventDefault();
      return;
    }
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return escape(field);
    if (event.repeat || field || document.body.dataset.keys === "off" || event.key.length !== 1) return;
    const one = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)].find(seen);
    if (!one) return;
    event.preventDefault();
    if (busy && !one.matches("[data-decides]")) return;
    press(one);
  });

  document.addEventListener("click", (event) => {
    const one = event.target instanceof Element ? event.target.closest("[data-decides]") : null;
    const refused = one ? why(event) : "";
    if (!refused) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    say(refused);
  }, true);

  // A click elsewhere closes what is open.
  document.addEventListener("click", (event) => {
    for (const one of document.querySelectorAll("details.pop[open]")) {
      if (event.target instanceof Node && event.target.isConnected && !one.contains(event.target)) one.open = false;
    }
  });

  function arrived() {
    const now = current(), wanted = document.querySelector("[data-focus]");
    document.querySelector(".card-rows [aria-current]")?.scrollIntoView({ block: "nearest" });
    if (wanted) wanted.focus();
    if (now === card) return;
    card = now;
    since = performance.now();
    if (!document.activeElement?.closest(FIELD)) document.getElementById("card-title")?.focus({ preventScroll: true });
  }

  const whole = (event) => event.detail?.ctx?.target === document.body;
  document.addEventListener("htmx:before:request", (event) => { if (whole(event)) busy = true; });
  document.addEventListener("htmx:finally:request", (event) => { if (whole(event)) busy = false; });
  document.addEventListener("htmx:after:swap", (event) => { if (whole(event)) arrived(); });
  document.addEventListener("submit", (event) => {  // without htmx, until the next page is there
    setTimeout(() => { if (!event.defaultPrevented) busy = true; });
  });
  addEventListener("pageshow", () => { busy = false; });
  card = current();
  arrived();
})();
