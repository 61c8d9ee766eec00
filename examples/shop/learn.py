"""Who buys again: a model, what is live, and a score for everybody."""

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pumphouse as ph


@ph.model(label="returned_26w", features=["spend", "visits"])
def returns(train: ph.TrainingSet):
    """Chance (0..1) that a customer buys again within 26 weeks."""
    # Whoever never bought has no days since they did.
    steps = SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000)
    return make_pipeline(*steps).fit(train.X, train.y)


# A catalogue by mail costs a dollar and a half, and whoever buys again leaves about six.
returns_live = ph.rollout("returns", outcome="returned_26w", worth=ph.worth("USD", gain=6, cost=1.5, act_above=0.25))
returns_scores = ph.scores("returns_live")
