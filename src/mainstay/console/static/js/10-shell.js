/* Small manners of every page. What is here makes things quicker; nothing needs it. */
(() => {
  "use strict";
  // On a phone the bar is wider than the screen: where the reader is stands in it.
  const showWhere = () => {
    document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  // A page that came in place of another is read from its beginning.
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.target !== document.body) return;
    if (location.hash === "") window.scrollTo(0, 0);
    showWhere();
  });
  showWhere();
})();
