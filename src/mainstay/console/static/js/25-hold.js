/* The second step of a high stake by pointer: its button (data-hold) is held for a second, and let go. What is sent is
   what would have been typed, so the server asks for no less. It is for pointers alone, and no slip of one: a key, a
   click and a tap never do it, nor does a finger that rests; how long it was held is told by the times of the two
   events themselves, so that a page that hung in between makes no hold of a click. */
(() => {
  "use strict";
  const HOLD_MS = 1000, CLICK_MS = 50;
  let press = null, held = null, filled = null, sent = false;

  const card = () => document.querySelector("[data-card]")?.dataset.card ?? "";
  const fieldOf = (button) => [...(button.form?.elements ?? [])].find((one) => "wanted" in one.dataset);
  const buttonAt = (event) => event.target instanceof Element ? event.target.closest("[data-hold]") : null;
  const inside = (event, { left, right, top, bottom }) =>
    event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;

  function stop() {
    if (!press) return;
    clearTimeout(press.timer);
    press.button.classList.remove("holding", "held");
    press = null;
  }

  document.addEventListener("pointerdown", (event) => {
    const button = buttonAt(event);
    stop();
    if (!button || !event.isTrusted || !event.isPrimary || event.button !== 0 || button.disabled) return;
    button.classList.add("holding");
    const timer = setTimeout(() => button.classList.add("held"), HOLD_MS);
    press = { button, timer, pointer: event.pointerId, since: event.timeStamp, card: card() };
  });
  document.addEventListener("pointermove", (event) => {
    if (press?.pointer === event.pointerId && !inside(event, press.button.getBoundingClientRect())) stop();
  });
  document.addEventListener("pointerup", (event) => {
    const one = press;
    stop();
    if (!one || !event.isTrusted || event.pointerId !== one.pointer || event.timeStamp - one.since < HOLD_MS) return;
    if (!inside(event, one.button.getBoundingClientRect()) || !one.button.isConnected || card() !== one.card) return;
    held = one.button;
    setTimeout(() => { held = null; }, CLICK_MS);
    if (event.pointerType === "touch") one.button.click();  // a browser makes no click of a long touch
  });
  for (const name of ["pointercancel", "keydown", "scroll"]) addEventListener(name, stop, true);
  addEventListener("blur", stop);  // of the window: a field that is left for the button is none
  document.addEventListener("visibilitychange", stop);
  document.addEventListener("contextmenu", (event) => { if (press) event.preventDefault(); });

  // After 20-keys.js, which has refused by now what comes too soon, or twice.
  document.addEventListener("click", (event) => {
    const button = buttonAt(event), field = button && fieldOf(button);
    if (!field) return;
    if (held === button) return fill(field);
    if (field.value.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    field.focus();
    document.dispatchEvent(new CustomEvent("mainstay:say", {
      detail: "Not taken: this is of high stake. Type what is asked for, or hold the button for a second.",
    }));
  }, true);

  function fill(field) {
    const before = field.value;
    [held, filled, sent] = [null, field, false];
    field.value = field.dataset.wanted;
    setTimeout(() => { if (!sent) field.value = before; });  // nothing is left there for a key to send
  }

  document.addEventListener("submit", () => { sent = true; }, true);
  const arrived = () => {
    if (filled?.isConnected) filled.value = "";
    filled = null;
    for (const one of document.querySelectorAll("[data-hold-hint]")) one.hidden = false;
  };
  document.addEventListener("htmx:after:swap", arrived);
  arrived();
})();
