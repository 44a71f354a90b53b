/* An open page: what it does with what the stream tells it (console/live.py), and what it says when it hears nothing.
   Parts of the page listen to the names of topics by themselves (ui.live). */
(() => {
  "use strict";
  const PATIENCE_MS = 3000, AGAIN_MS = 2000, AGAIN_MOST_MS = 15000;
  const HOUR = { hour: "2-digit", minute: "2-digit", hour12: false };
  const heard = new Map(); // topics, and up to which position each is told
  const gathered = new Set(); // topics that were told just now
  const asked = new Set(); // what is on its way
  const waiting = new WeakSet(); // parts that are asked for once more
  let figures = null, lostAt = null, stream = null, leaving = false, showing = null, said = "", unknown = "", known = [], tries = 0, pageAt = position();

  function live() { return document.querySelector("body > .live"); }
  function position() { return live()?.dataset.position ?? ""; }
  function isLive(one) { return one instanceof Element && one.classList.contains("live"); }

  // --- what is heard ------------------------------------------------------------------------------------------------

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (!isLive(ctx.sourceElement)) return;
    // A browser has six connections to a server for all its tabs: one that nobody looks at takes none of them.
    if (document.hidden) event.preventDefault();
    // The page says up to where it knows: what moved while it was on its way is told first.
    ctx.request.headers["Last-Event-ID"] = ctx.sourceElement.dataset.position;
  });

  document.addEventListener("visibilitychange", () => {
    const one = live();
    if (one && !document.hidden) htmx.trigger(one, "live:again", {}); // does nothing where it listens already
  });

  document.addEventListener("htmx:sse:before:message", (event) => {
    const { event: topic, id } = event.detail.message;
    if (!topic || topic === "figures") return;
    heard.set(topic, Number(id));
    gather(topic);
  });

  // A part that shows several topics asks once for all of them that are told together.
  function gather(topic) {
    if (!gathered.size) setTimeout(() => {
      for (const part of document.querySelectorAll("[data-topics]")) {
        if (part.dataset.topics.split(",").some((one) => gathered.has(one))) htmx.trigger(part, "together", {}, false);
      }
      gathered.clear();
    });
    gathered.add(topic);
  }

  document.addEventListener("figures", (event) => {
    figures = { at: Number(event.detail.id), ...JSON.parse(event.detail.data) };
    put();
  });

  function put() {
    for (const [name, count] of Object.entries(figures.counts)) {
      for (const one of document.querySelectorAll(`[data-count="${name}"]`)) {
        one.textContent = count.toLocaleString("en-US");
        one.hidden = !count;
      }
      for (const one of document.querySelectorAll(`[data-shown-with="${name}"]`)) one.hidden = !count;
    }
    for (const name of ["director", "ledger"]) stand(name, figures[name].text, figures[name].tone);
  }

  function stand(name, text, tone) {
    const one = document.getElementById(`standing-${name}`);
    if (one && one.textContent !== text) one.textContent = text;
    if (one && one.className !== tone) one.className = tone;
  }

  // A page that came in place of another was made before what the stream has told since then.
  document.addEventListener("htmx:after:swap", () => {
    if (said) say(said);
    if (unknown) {
      known = standing(); // as the page that came says
      unsay();
    }
    const one = live();
    if (!one || position() === pageAt) return;
    pageAt = position();
    if (figures && figures.at > Number(pageAt)) put();
    for (const [topic, at] of heard) {
      if (at > Number(pageAt)) {
        htmx.trigger(one, topic, {});
        gather(topic);
      } else heard.delete(topic);
    }
  });

  // --- what is not heard --------------------------------------------------------------------------------------------

  function say(words) {
    said = words;
    const one = document.getElementById("stale");
    if (!one) return;
    if (one.textContent !== words) one.textContent = words;
    if (one.hidden === Boolean(words)) one.hidden = !words;
  }

  // Whether the director works, and whether the ledger is whole, is not known without the stream.
  function forget() {
    if (unknown) return;
    const at = lostAt.toLocaleTimeString([], HOUR);
    known = standing();
    unknown = `Not known since ${at}`;
    unsay();
  }

  function unsay() {
    stand("director", unknown, "warn");
    stand("ledger", "", "");
  }

  function standing() {
    return ["director", "ledger"].map((name) => {
      const one = document.getElementById(`standing-${name}`);
      return [name, one?.textContent ?? "", one?.className ?? ""];
    });
  }

  function lost() {
    if (lostAt !== null) return;
    lostAt = new Date();
    showing = setTimeout(() => {
      const at = lostAt.toLocaleTimeString([], HOUR);
      say(`Not connected since ${at}: what you see may be old.`);
      forget();
    }, PATIENCE_MS);
  }

  function regained() {
    clearTimeout(showing);
    lostAt = showing = null;
    tries = 0;
    say("");
    if (!unknown) return;
    unknown = "";
    if (figures && figures.at >= Number(pageAt)) put();
    else for (const [name, text, tone] of known) stand(name, text, tone);
  }

  function turnedAway(status) {
    if (status !== 401) return;
    clearTimeout(showing);
    lostAt ??= new Date();
    forget();
    say("You are not logged in on this device any more: what you see may be old. Log in again.");
  }

  // Where the first connection fails nobody tries again, unless it is done here.
  function again(one) {
    const pause = Math.min(AGAIN_MS * 2 ** tries++, AGAIN_MOST_MS);
    setTimeout(() => { if (one.isConnected) htmx.trigger(one, "live:again", {}); }, pause);
  }

  document.addEventListener("htmx:sse:after:connection", (event) => {
    const { status } = event.detail.connection;
    if (status === 200) regained();
  });
  document.addEventListener("htmx:sse:before:connection", (event) => {
    if (leaving) return event.preventDefault();
    stream = event.detail.connection;
    if (stream.attempt > 0) lost();
  });

  // A page that is left ends by itself what it listens to and asks for: some browsers call that an error otherwise.
  // One that stays after all, as it does for a download, listens again.
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (ctx.request.method === "GET") asked.add(ctx);
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => asked.delete(ctx));
  addEventListener("beforeunload", () => {
    leaving = true;
    for (const ctx of asked) ctx.request.abort();
    stream?.abortController.abort();
    setTimeout(() => {
      leaving = false;
      if (live()) htmx.trigger(live(), "live:again", {});
    }, AGAIN_MS);
  });
  document.addEventListener("htmx:sse:error", (event) => {
    lost();
    turnedAway(event.detail.status);
  });
  document.addEventListener("htmx:sse:close", (event) => {
    if (event.detail.reason === "ended" && isLive(event.target)) again(event.target);
  });

  for (const name of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(name, (event) => {
      const ctx = event.detail.ctx, one = ctx?.sourceElement, status = ctx?.response?.status;
      if (isLive(one)) {
        lost();
        turnedAway(status);
        again(one);
      } else if (one instanceof Element && /from:body|^together/.test(one.getAttribute("hx-trigger") ?? "")) {
        retry(one);
      } else if (ctx && !status) {
        // A form whose words are kept says so itself (30-kept.js).
        if (!one?.matches?.("form[data-kept]")) say("The server did not answer. What you typed is still here; see what became of it before you send it again.");
        lostAt ??= new Date();
      }
    });
  }

  function retry(part) {
    if (waiting.has(part)) return;
    waiting.add(part);
    setTimeout(() => {
      waiting.delete(part);
      if (part.isConnected) htmx.trigger(part, part.getAttribute("hx-trigger").split(" ")[0], {});
    }, AGAIN_MS);
  }
})();
