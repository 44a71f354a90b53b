"""The files of a workspace folder, read into settings, policy, templates and intents.

Each kind of file has a module of its own that turns bytes into frozen values and answers every mistake with
file, key and line; `files` reads the whole folder and gathers all mistakes, `scaffold` makes a new one. TOML
is read here and only here, once, and passed down; the environment is read for secrets alone, by
`mainstay.net.secrets`.
"""
