/* Small manners of every page. What is here makes things quicker; nothing needs it. */
(() => {
  "use strict";
  // A page that came in place of another is read from its beginning.
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.target === document.body && location.hash === "") window.scrollTo(0, 0);
  });
})();
