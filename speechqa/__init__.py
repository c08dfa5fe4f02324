"""Batch speech analytics for contact centres.

Recorded calls go in; scored calls and per-agent scorecards come out, offline. Import what you
need from the submodules: nothing heavy is loaded here.
"""

__version__ = "0.1.0"
