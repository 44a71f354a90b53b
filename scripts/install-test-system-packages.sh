#!/bin/sh
# Install the programs of the system that a few tests need: a real mail server on loopback, bubblewrap, two
# browsers, and npm, by which the conformance suite of MCP comes.
# Usage: scripts/install-test-system-packages.sh
#
# Without them those tests are skipped, out loud. In CI (CI=true) a missing one ends the run here, with the reason.
set -eu

packages="dovecot-imapd dovecot-submissiond dovecot-lmtpd bubblewrap chromium firefox-esr"
command -v npm >/dev/null 2>&1 || packages="$packages nodejs npm"

is_complete() {
    PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v dovecot >/dev/null 2>&1 || return 1
    command -v bwrap >/dev/null 2>&1 || return 1
    command -v chromium >/dev/null 2>&1 || return 1
    command -v firefox-esr >/dev/null 2>&1 || return 1
    command -v npm >/dev/null 2>&1 || return 1
    for part in imap submission lmtp; do
        [ -x "/usr/lib/dovecot/$part" ] || [ -x "/usr/libexec/dovecot/$part" ] || return 1
    done
}

refuse() {
    echo "Programs that tests need are missing ($packages): $1" >&2
    if [ "${CI:-}" = "true" ]; then exit 1; fi
    echo "Going on; the tests that need it will be skipped." >&2
    exit 0
}

# Some systems let no program but theirs make a user namespace, which the sandbox is made of. On a machine of CI that is
# switched off; on one of somebody's own it is left alone.
guard=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if [ "${CI:-}" = "true" ] && [ -w "$guard" ]; then echo 0 > "$guard"; fi

if is_complete; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1; then refuse "install them with this system's package manager"; fi
if [ "$(id -u)" -ne 0 ]; then refuse "run this script as root"; fi

export DEBIAN_FRONTEND=noninteractive
echo "Installing $packages"
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } </dev/null; then
    refuse "apt-get could not install them; its own message stands above"
fi
if ! is_complete; then refuse "apt-get reported success, but dovecot's imap, submission or lmtp, bwrap, chromium, firefox-esr or npm is not there"; fi
