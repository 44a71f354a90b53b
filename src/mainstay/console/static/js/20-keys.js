/* Single keys press the button that shows them (data-key); nothing can be done by key alone.
   A decision (data-decides) is taken once, and for the card that somebody could have read: what is pressed while an
   answer is on its way, by the second half of a double click, by a key held down, or before the next card has stood
   there for a moment, decides nothing and says so. The server binds each form to its card and text besides.
   Whoever types and believes to be in a field decides and moves nothing: after a key that means nothing, or was not
   taken, all of them rest until nothing was typed for CALM_MS. Where something has to be typed first (data-wanted), the
   key of the decision leads there until that is done. */
(() => {
  "use strict";
  const READ_MS = 300, CALM_MS = 500;
  const TYPES = ["Dead", "Process", "Backspace", "Delete"];  // with what is one character long
  const FIELD = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
  let busy = false, since = performance.now(), card = "", restUntil = 0, moved = "", missed = false, hesitates = 0;

  const seen = (one) => one.checkVisibility() && !one.disabled;
  const current = () => document.querySelector("[data-card]")?.dataset.card ?? "";
  const say = (text) => {
    const toast = document.getElementById("toast"), line = document.createElement("p");
    line.className = "toast warn";
    line.textContent = text;
    toast?.replaceChildren(line);
  };
  document.addEventListener("mainstay:say", (event) => say(event.detail));
  const why = (event) => {
    if (busy) return "The answer before is still on its way: this one was not taken.";
    if (event.detail > 1) return "The second click was not taken: it would have been about the next card.";
    if (performance.now() - since < READ_MS) return "Not taken: this card had only just come up.";
    return "";
  };

  // What has to be typed before this decides, as long as it is not; the server compares it again, and less narrowly.
  function unconfirmed(one) {
    const field = one.matches("[data-decides]") ? document.querySelector("[data-wanted]") : null;
    const plain = (text) => text.replace(/[\s,'’]/g, "").toLowerCase();
    return field && plain(field.value) !== plain(field.dataset.wanted) ? field : null;
  }

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
    const typed = event.getModifierState("AltGraph");  // a character, though it looks like a command
    if (event.defaultPrevented || (!typed && (event.ctrlKey || event.metaKey || event.altKey))) return;
    if (event.key === "Escape") return escape(field);
    if (event.repeat || field || document.body.dataset.keys === "off") return;
    if (event.key === " " && at.closest("button, summary")) return;
    if (event.key.length === 1 || TYPES.includes(event.key)) key(event);
  });

  function key(event) {
    const those = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)].filter(seen);
    const one = those.find((each) => each.closest("#toast")) ?? those[0];  // what was said last is taken back first
    const rests = performance.now() < restUntil, hesitated = hesitates;
    if (one) event.preventDefault();
    clearTimeout(hesitates);
    hesitates = 0;
    if (hesitated && event.key !== moved) return void (restUntil = performance.now() + CALM_MS);
    const refusal = rests ? "Not taken: it looked like typing. Keys act again when none was pressed for half a second."
      : one ? notTaken(one, event) : event.key === "u" ? document.querySelector("[data-no-undo]")?.dataset.noUndo : "";
    if (one && !refusal) {
      moved = event.key;
      if (begins(one, event.key) && !hesitated) return void (hesitates = setTimeout(press, CALM_MS, one));
      return press(unconfirmed(one) ?? one);
    }
    // The same way once more while the page is still on its way: somebody walks, and quickly.
    if (one?.matches("a") && !rests && busy && event.key === moved) return;
    restUntil = performance.now() + CALM_MS;
    if (refusal && (!rests || one?.matches("[data-decides]"))) say(refusal);
  }

  // The way elsewhere is also how what has to be typed begins: the next key tells which of them was meant.
  function begins(one, letter) {
    const wanted = document.querySelector("[data-wanted]")?.dataset.wanted ?? "";
    return one.matches("a, button:not([data-decides])") && wanted.toLowerCase().startsWith(letter);
  }

  function notTaken(one, event) {
    if (one.matches("[data-decides]") && !unconfirmed(one)) return why(event);
    return busy ? "The answer before is still on its way: this key was not taken." : "";
  }

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
    if (wanted?.matches("[data-wanted]")) wanted.select();
    if (now === card) return;
    card = now;
    since = performance.now();
    if (!document.activeElement?.closest(FIELD)) document.getElementById("card-title")?.focus({ preventScroll: true });
  }

  const whole = (event) => event.detail?.ctx?.target === document.body;
  document.addEventListener("htmx:before:request", (event) => { if (whole(event)) busy = true; });
  document.addEventListener("htmx:finally:request", (event) => {
    if (!whole(event)) return;
    busy = false;
    if (missed && current() === card) htmx.trigger(document.getElementById("state") ?? document.body, "approvals", {});
    missed = false;
  });
  // One's own answer is no news: not while it is on its way, nor on the page of the card that came after it.
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    if (ctx?.sourceElement?.id !== "state") return;
    const about = new URL(ctx.response.raw.url).pathname.split("/").at(-1);
    if (!busy && about === current()) return;
    event.preventDefault();
    missed ||= about === current();
  });
  document.addEventListener("htmx:after:swap", (event) => { if (whole(event)) arrived(); });
  document.addEventListener("submit", (event) => {  // without htmx, until the next page is there
    setTimeout(() => { if (!event.defaultPrevented) busy = true; });
  });
  addEventListener("pageshow", () => { busy = false; });
  card = current();
  arrived();
})();
