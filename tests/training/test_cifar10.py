from pathlib import Path

import pytest
import torch

from gradtui.cifar10 import DataMissing
from gradtui.settings import RunSettings
from gradtui.training.batches import Batches, as_inputs
from gradtui.training.experiments import Data, cifar10

SETTINGS = RunSettings.parse({"experiment": "cifar10", "data": "synthetic"})


@pytest.fixture(scope="module")
def small() -> Data:
    return cifar10.synthetic(train=2000, test=500)


def test_the_stand_in_is_the_same_every_time_and_of_the_true_shapes(small: Data) -> None:
    again = cifar10.synthetic(train=2000, test=500)
    assert torch.equal(small.train.inputs, again.train.inputs)
    assert small.train.inputs.shape == (2000, 3, 32, 32)
    assert small.train.inputs.dtype == torch.uint8
    assert set(small.train.targets.tolist()) == set(range(10))


def test_the_stand_in_can_be_learned(small: Data) -> None:
    torch.manual_seed(0)
    assert small.test is not None
    model = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.Linear(48, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    batches = Batches(small.train, 200, torch.Generator().manual_seed(0), torch.device("cpu"))
    for _ in range(5):
        for inputs, targets in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    right = (model(as_inputs(small.test.inputs)).argmax(dim=1) == small.test.targets).float().mean()
    assert right > 0.9


def test_pixels_are_seen_as_numbers_from_0_to_1(small: Data) -> None:
    inputs, _ = next(iter(Batches(small.train, 128, torch.Generator(), torch.device("cpu"))))
    assert inputs.dtype == torch.float32
    assert 0 <= inputs.min() < inputs.max() <= 1


def test_the_network_is_that_of_the_article() -> None:
    model = cifar10.model(SETTINGS)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert sum(p.numel() for p in model.parameters()) == 3 * 64 * 9 + 64 + 64 * 128 * 9 + 128 + 8192 * 512 + 512 + 5130


def test_a_run_on_made_up_data_says_so_everywhere() -> None:
    from gradtui.runs.saved_runs import create_run

    assert "synthetic" in SETTINGS.summary()
    assert "synthetic" in " ".join(SETTINGS.notes)
    assert create_run(SETTINGS).id.endswith("cifar10-synthetic")


def test_missing_data_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataMissing, match="--download") as caught:
        cifar10.data(RunSettings.parse({"experiment": "cifar10"}))
    assert "\n" not in str(caught.value)
