from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pumphouse.errors import BuildError
from pumphouse.graph.modules import import_modules
from pumphouse.models.estimators import keep, load, packages, parameters, predictions
from pumphouse.models.formats.torch import STRUCTURE, WEIGHTS

torch = pytest.importorskip("torch")
nn = torch.nn

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1), nn.Sigmoid())

    def forward(self, x):
        return self.layers(torch.nan_to_num(x) / 100)


class Forgetful(Net):
    def __init__(self, hidden: int):
        super().__init__(hidden)
"""


@pytest.fixture
def nets(tmp_path: Path):
    folder = tmp_path / "club_of_nets"
    folder.mkdir()
    (folder / "nets.py").write_text(NET)
    modules, _ = import_modules(folder, ["nets.py"])
    yield modules["nets.py"]
    sys.path.remove(str(tmp_path))


def seeded(make):
    torch.manual_seed(1)
    return make()


def test_layers_of_torch_say_the_same_when_they_come_back(data):
    given = seeded(
        lambda: nn.Sequential(
            nn.BatchNorm1d(2), nn.Linear(2, 8, bias=False), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid()
        )
    )
    inputs = data.numbers.fillna(0)
    given.train()(torch.tensor(inputs.to_numpy(), dtype=torch.float32))  # running means of its own
    kept = keep(given, inputs, task="chance")
    assert kept.format == "torch"
    back = load(kept.data, format="torch")
    with torch.no_grad():
        expected = given.eval()(torch.tensor(inputs.to_numpy(), dtype=torch.float32)).numpy()[:, 0]
    assert np.array_equal(predictions(back, inputs, format="torch", task="chance"), expected.astype(float))


def test_a_class_of_the_project_is_made_again_with_its_arguments(nets, data):
    given = seeded(lambda: nets.Net(width=3).double())
    kept = keep(given, data.numbers, task="chance")
    back = load(kept.data, format="torch")
    assert back.width == 3
    assert next(back.parameters()).dtype == torch.float64
    assert parameters(given, format="torch") == {"width": 3, "weights": 13}
    found = packages(given, format="torch")
    assert msgspec.json.decode(msgspec.json.encode(found))["torch"] == torch.__version__


def test_a_class_whose_code_changed_is_not_asked(nets, data):
    kept = keep(seeded(nets.Net), data.numbers, task="chance")
    Path(nets.__file__).write_text(NET.replace("/ 100", "/ 10"))
    with pytest.raises(BuildError, match=r"club_of_nets\.nets\.Net, whose code has changed"):
        load(kept.data, format="torch")


def test_the_same_weights_are_the_same_bytes(data):
    make = lambda: nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())  # noqa: E731
    first, second = (keep(seeded(make), data.numbers.fillna(0), task="chance") for _ in range(2))
    assert first.data == second.data


def test_weights_that_would_run_code_are_refused(data):
    kept = keep(seeded(lambda: nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())), data.numbers.fillna(0), task="chance")
    weights = io.BytesIO()
    torch.save({"0.weight": pytest.fail}, weights)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(kept.data)) as given, zipfile.ZipFile(made, "w") as archive:
        archive.writestr(STRUCTURE, given.read(STRUCTURE))
        archive.writestr(WEIGHTS, weights.getvalue())
    with pytest.raises(BuildError, match="more than weights"):
        load(made.getvalue(), format="torch")


@pytest.mark.parametrize(
    ("make", "columns", "reason"),
    [
        (lambda nets: nn.Sequential(nn.Linear(2, 1)), "numbers", r"no finite number.*nan_to_num"),
        (lambda nets: nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), "numbers", "can't answer: mat1 and mat2"),
        (lambda nets: nets.Net(), "X", r"a tensor holds no text, as channel is"),
        (lambda nets: nets.Forgetful(3), "numbers", r"with which 'hidden' .*Forgetful was made.*self.hidden = hidden"),
        (lambda nets: nets.Net().layers[:3], "numbers", "no finite number"),
    ],
)
def test_what_can_not_be_kept_or_asked_is_refused(nets, data, make, columns: str, reason: str):
    with pytest.raises(BuildError, match=reason):
        keep(seeded(lambda: make(nets)), getattr(data, columns), task="chance")


def test_a_chance_outside_0_to_1_says_how_to_end_it(data):
    given = seeded(lambda: nn.Sequential(nn.Linear(2, 1)))
    with pytest.raises(BuildError, match=r"outside 0\.\.1.*nn\.Sigmoid"):
        keep(given, data.numbers.fillna(0), task="chance")
    assert keep(given, data.numbers.fillna(0), task="number").format == "torch"
