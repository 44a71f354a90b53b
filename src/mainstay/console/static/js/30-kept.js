/* What is typed is not lost: fields of forms marked data-kept are kept for this tab until their form was accepted, and
   are there again after a reload, a log-in or a restart of the server. A form that no server answered says so. */
(() => {
  "use strict";
  const FIELDS = "textarea, input[type=text], input[type=datetime-local], input:not([type])";
  const path = (form) => new URL(form.action, location.href).pathname;
  const name = (field) => `kept ${path(field.form)} ${field.name}`;
  const fields = () => [...document.querySelectorAll("form[data-kept]")].flatMap((form) =>
    [...form.elements].filter((one) => one.matches(FIELDS) && !one.readOnly));
  const store = (what) => { try { return what(sessionStorage); } catch { return null; } };  // it may be full, or forbidden

  function keep(field) {
    store((kept) => field.value === field.defaultValue && !("typed" in field.dataset)
      ? kept.removeItem(name(field)) : kept.setItem(name(field), field.value));
  }

  function restore() {
    for (const field of fields()) {
      if ("typed" in field.dataset) { keep(field); continue; }  // the server gave it back itself
      const text = store((kept) => kept.getItem(name(field)));
      if (text === null || text === field.value) continue;
      field.value = text;
      const open = field.closest("details");
      if (open && field.type !== "datetime-local") open.open = true;  // a time lies over what is to be read
    }
  }

  function forget(of) {
    store((kept) => {
      for (const key of Object.keys(kept)) if (key.startsWith(`kept ${of} `)) kept.removeItem(key);
    });
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches?.(FIELDS) && event.target.form?.matches("[data-kept]")) keep(event.target);
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail, form = ctx.sourceElement;
    const accepted = ctx.response?.raw.ok && ctx.response.raw.redirected;
    if (ctx.request.method === "POST" && accepted && form.matches?.("form")
        && new URL(ctx.response.raw.url).pathname !== "/login") forget(path(form));
  });
  document.addEventListener("htmx:after:swap", restore);
  document.addEventListener("htmx:error", (event) => {
    const { ctx } = event.detail, line = document.createElement("p");
    if (!ctx || ctx.response || ctx.request.method !== "POST") return;
    line.className = "toast bad";
    line.textContent = "No answer came. What you typed is still here: press again when the server is back. Nothing is decided twice.";
    document.getElementById("toast")?.replaceChildren(line);
  });
  // Without htmx: a form whose page was left for another one was accepted.
  document.addEventListener("submit", (event) => {
    setTimeout(() => {
      if (!event.defaultPrevented && event.target.matches("[data-kept]")) store((kept) => kept.setItem("sent", path(event.target)));
    });
  });
  const sent = store((kept) => kept.getItem("sent"));
  if (sent !== null) {
    store((kept) => kept.removeItem("sent"));
    if (sent !== location.pathname && location.pathname !== "/login") forget(sent);
  }
  restore();
})();
