"""The three stages, each a plain function: `prepare`, `transcribe`, `assess`, each in its module.

Executors only carry batches of calls from one to the next. Only the plain values are imported
here, so that reading results loads no decoder and no recogniser.
"""

from speechqa.pipeline.assessment import Assessment
from speechqa.pipeline.facts import CallFacts, Source, call_key, digest, failed

__all__ = ["Assessment", "CallFacts", "Source", "call_key", "digest", "failed"]
