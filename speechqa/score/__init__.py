"""Points, coverage, and scores of several calls taken together."""

from speechqa.score.call import CONFIRMED, LEAST_COVERAGE, Score, form_weights, score_call
from speechqa.score.lines import Line
from speechqa.score.pooled import Pooled, pool, pool_points
from speechqa.score.pooled import _student_t as _student_t  # the pages pool in one sweep
from speechqa.score.pooled import _wilson as _wilson

__all__ = [
    "CONFIRMED",
    "LEAST_COVERAGE",
    "Line",
    "Pooled",
    "Score",
    "form_weights",
    "pool",
    "pool_points",
    "score_call",
]
