from __future__ import annotations

import pytest

import pumphouse as ph


def test_one_name_where_a_list_belongs_is_told_of():
    with pytest.raises(TypeError, match=r"a list of names: ph\.online\(\['spend'\]\)"):
        ph.online("spend")
    with pytest.raises(TypeError, match=r"a list of names: features=\['spend'\]"):
        ph.model(label="returned", features="spend")


def test_a_rollout_names_one_model_and_gives_its_challenger_a_share():
    with pytest.raises(TypeError, match=r"names one model, not \['returns'\]"):
        ph.rollout(["returns"])
    with pytest.raises(TypeError, match=r"challenger=ph\.challenger\('returns_gbm', share=0\.1\)"):
        ph.rollout("returns", challenger="returns_gbm")
