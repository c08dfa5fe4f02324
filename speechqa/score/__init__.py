"""Points, coverage, and scores of several calls taken together."""

from speechqa.score.call import CONFIRMED, LEAST_COVERAGE, Score, form_weights, score_call
from speechqa.score.lines import Line
from speechqa.score.pooled import Pooled, pool, pool_points, student_t, wilson

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
    "student_t",
    "wilson",
]
