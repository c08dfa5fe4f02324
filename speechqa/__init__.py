"""Batch speech analytics for contact centres.

Recorded calls go in; scored calls and per-agent scorecards come out, offline. Import what you
need from the submodules: nothing heavy is loaded here.
"""

import os

# ONNX Runtime, which voice activity and recognisers load, reports home from version 1.29 on unless
# it is told not to before it is loaded: what runs, with which model, under a number of the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
