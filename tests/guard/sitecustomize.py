"""Brings the network guard into Python processes that tests start: this folder leads their PYTHONPATH."""

import network_guard

network_guard.install()
