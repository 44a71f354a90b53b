/* Small manners of every page. What is here makes things quicker; nothing needs it. */
(() => {
  "use strict";
  const here = () => location.pathname + location.search;
  let path = location.pathname, place = here();

  // On a phone the bar is wider than the screen: where the reader is stands in it.
  const showWhere = () => {
    document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  // Who hears a page, or goes through it by keyboard, is put where it begins: at what was refused or is to be looked at,
  // at the part that was asked for, or at its name. Pages that say themselves where one is are left alone.
  function arrive() {
    const moved = location.pathname !== path, lost = document.activeElement === document.body;
    const begins = document.getElementById(location.hash.slice(1)) ?? document.querySelector("main h1");
    const at = document.querySelector("#refused, #preview > h2") ?? (moved || lost ? begins : null);
    path = location.pathname;
    if (!at || document.querySelector("[data-focus], #card-title")) return;
    at.tabIndex = -1;
    at.focus({ preventScroll: at === begins });
  }

  // A page that came in place of another is read from its beginning; the answer to a form on it, where one was.
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx?.target !== document.body) return;
    setTimeout(() => { // the address, and the focus as it was, are set after this
      const other = here() !== place;
      place = here();
      if (other && location.hash === "") window.scrollTo(0, 0);
      showWhere();
      arrive();
    });
  });
  showWhere();
})();
