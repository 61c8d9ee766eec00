"""Questions of a survey that is written in Python. The public face that projects import.

from pumphouse.questions import choice, rating

exit_survey = ph.survey(title="Before you go", questions=[choice("reason", "Why do you leave?", ["price", "moved"])])
"""

from pumphouse.declare.questions import (
    choice,
    choices,
    date,
    matrix,
    number,
    page,
    ranking,
    rating,
    repeat,
    text,
    yes_no,
)

__all__ = [
    "choice",
    "choices",
    "date",
    "matrix",
    "number",
    "page",
    "ranking",
    "rating",
    "repeat",
    "text",
    "yes_no",
]
