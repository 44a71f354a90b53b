"""The HTTP API, `/api/v1`: everything that the command line does, by the same calls of the SDK.

A request passes the guard, which finds its token (`console.tokens`); then the scope of its operation is asked for,
and what it brought is held against its model. An operation calls the SDK and gives back what that returned: nothing is
decided here. The description of all this, `/api/v1/openapi.json`, is made of the same models.

    asked.py        who asks, with which key, and the ways to read and to act
    problems.py     what is refused, as RFC 9457 has it
    paging.py       pages by a cursor that does not move when something is added
    values.py       texts, ids, times and amounts, each with its bounds
    long.py         what takes its time: begun, and asked for until it is over
    samples.py      examples of what is asked, and samples_told.py of what is told
    app.py          the application, its description, and the page about it
    one file a noun
"""
