"""The command line: parse, call the SDK, render. No business logic here.

    main.py       the commands by name, and what an error looks like
    operate.py    init, up, ingest, and every decision
    inspect.py    runs, approvals, explain, status
    admin.py      audit, setup, bench
    connect.py    connect email
    doctor.py     doctor
    demo.py       demo, with tour.py for what it shows and child.py for the director it starts and kills
    render.py     text for people: made safe, aligned, and what machines read instead

Modules here import at their top only what parsing takes: a command's start must not feel like one.
"""
