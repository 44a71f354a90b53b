"""The web server's pages. Parses, calls what `workspace.serving_web.Front` gives, renders; no business logic.

Every request passes `guard` before anything else looks at it. A page is for a device that is logged in unless its
route says otherwise (`app`), a GET never changes the ledger, and a POST needs the token of its form (`csrf`).

    server.py     uvicorn on a bound socket, in the director's loop
    protocol.py   who may connect, and for how long
    guard.py      what every request must be
    client.py     who is at the other end
    names.py      the names that are ours
    headers.py    what every answer carries
    limits.py     how much anybody may ask
    body.py       how large, deep and slow a body may be
    sessions.py   the cookie, and whose it is
    csrf.py       the tokens of forms
    routes.py     which page is for whom
    forms.py      what a form sent
    login.py      log in, log out
    attempts.py   how often a password may be tried
    refused.py    why something is not served
    errors.py     every refusal as a page that says what to do
    rendering.py  templates, and text from outside made harmless
    wording.py    lengths of time, money, counts, as pages write them
    live.py       the stream that tells open pages what moved
    figures.py    and how the house stands
    rail.py       which pages there are, and what the rail says
    assets.py     style sheet and icon, by the hash of their content
    app.py        every page, and what stands before them
    drawing/      pictures as geometry
    pages/        one file a page
"""
