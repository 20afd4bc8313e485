"""The two articles' own programs, line by line as printed; only the indentation, which the pages lose, is put back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.check.forks import Forks

GOLDEN = Path(__file__).parents[1] / "golden" / "linear_article.json"

WITH_AND_WITHOUT = """\
import torch
import torch.nn as nn
import torch.optim as optim
# Ensuring reproducibility across CPU and GPU
torch.manual_seed(42)
if torch.cuda.is_available():
    torch.cuda.manual_seed_all(42)
# Setup model and data
model_with_zero_grad = nn.Linear(2, 1)
model_without_zero_grad = nn.Linear(2, 1)
data, target = torch.tensor([1.0, 2.0]), torch.tensor([1.0])
# Hyperparameters
epochs = 20
learning_rate = 0.1
# Loss function and optimizers
criterion = nn.MSELoss()
optimizer_with_zero_grad = optim.SGD(model_with_zero_grad.parameters(), lr=learning_rate)
optimizer_without_zero_grad = optim.SGD(model_without_zero_grad.parameters(), lr=learning_rate)
# Lists to store loss values
losses_with_zero_grad = []
losses_without_zero_grad = []
# Training loop with zero_grad
for epoch in range(epochs):
    optimizer_with_zero_grad.zero_grad()
    output = model_with_zero_grad(data)
    loss = criterion(output, target)
    loss.backward()
    optimizer_with_zero_grad.step()
    losses_with_zero_grad.append(loss.item()) # Store loss
    print(f"Epoch {epoch+1} (With zero_grad): Loss = {loss.item()}")
# Training loop without zero_grad
for epoch in range(epochs):
    output = model_without_zero_grad(data)
    loss = criterion(output, target)
    loss.backward() # No zero_grad, so gradients accumulate
    optimizer_without_zero_grad.step()
    losses_without_zero_grad.append(loss.item()) # Store loss
    print(f"Epoch {epoch+1} (Without zero_grad): Loss = {loss.item()}")
print(f"losses_with_zero_grad: {losses_with_zero_grad}")
print(f"losses_without_zero_grad: {losses_without_zero_grad}")
"""

THREE_LAYERS = """\
import torch
import torch.nn as nn
# initialize weights
w1 = torch.randn(3, 3, requires_grad=True)
w2 = torch.randn(3, 3, requires_grad=True)
w3 = torch.randn(3, 3, requires_grad=True)
# Create a 3-layer model with random weights
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(3, 3)
        self.fc2 = torch.nn.Linear(3, 3)
        self.fc3 = torch.nn.Linear(3, 3)
    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        x = self.fc3(x)
        return x
model = Net()
# create optimizer for the model
optimizer = torch.optim.SGD([w1, w2, w3], 0.1)
# Zero gradients
optimizer.zero_grad()
# input with the y values
x = torch.randn(5, 3).requires_grad_(True)
y = model(x)
# Compute Loss and Gradient
loss = y.sum()
loss.backward()
# Update parameters
optimizer.step()
"""


def test_second_article_forgets_zero_grad_with_its_second_optimizer_only(forks: Forks) -> None:
    run = forks.check(WITH_AND_WITHOUT)
    with_zero_grad, without_zero_grad = run.report["optimizers"]

    assert run.code == 1
    assert run.report["verdict"] == "stale gradients"
    assert len(run.report["findings"]) == 1
    assert run.report["findings"][0]["where"] == _line("optimizer_without_zero_grad.step()")
    assert with_zero_grad["verdict"] == "clean"
    assert (with_zero_grad["steps"], with_zero_grad["stale_steps"]) == (20, 0)
    assert with_zero_grad["cleared_at"] == [_line("optimizer_with_zero_grad.zero_grad()")]
    assert with_zero_grad["backward_at"] == [_line("loss.backward()")]
    assert with_zero_grad["step_at"] == [_line("optimizer_with_zero_grad.step()")]
    assert without_zero_grad["verdict"] == "stale gradients"
    assert (without_zero_grad["steps"], without_zero_grad["stale_steps"], without_zero_grad["first_stale_step"]) == (20, 19, 2)
    assert without_zero_grad["cleared_at"] == []
    assert without_zero_grad["backward_at"] == [_line("loss.backward() # No zero_grad")]
    assert without_zero_grad["step_at"] == [_line("optimizer_without_zero_grad.step()")]


def test_watching_changes_none_of_the_articles_losses(forks: Forks) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    printed = forks.check(WITH_AND_WITHOUT).out.splitlines()
    assert f"losses_with_zero_grad: {golden['with_zero_grad']}" in printed
    assert f"losses_without_zero_grad: {golden['without_zero_grad']}" in printed


def test_report_on_the_second_article_in_words(forks: Forks) -> None:
    report = forks.run(["train.py"], {"train.py": WITH_AND_WITHOUT}).out.partition("gradtui check: ")[2]
    assert report.startswith("stale gradients  (40 optimizer steps)")
    assert "SGD optimizer_with_zero_grad  20 steps, 1 backward() each: clean" in report
    assert "SGD optimizer_without_zero_grad  20 steps, 1 backward() each: stale gradients" in report
    assert "Step 2 and 18 more applied gradients that an earlier step had already applied (all 2 parameters)." in report
    assert "fix        call optimizer_without_zero_grad.zero_grad() once per step" in report


def test_first_articles_three_layers_are_in_no_optimizer(forks: Forks) -> None:
    run = forks.check(THREE_LAYERS)
    by_kind = {finding["kind"]: finding for finding in run.report["findings"]}

    assert run.code == 1
    assert by_kind.keys() == {"parameters in no optimizer", "parameters without a gradient"}
    orphans = by_kind["parameters in no optimizer"]["message"]
    assert orphans.startswith("6 parameters of Net get gradients but belong to no optimizer: fc1.weight")
    assert by_kind["parameters without a gradient"]["message"] == (
        "all 3 parameters of the optimizer never got a gradient in 1 step, the network does not use them: w1, w2, w3"
    )
    assert by_kind["parameters without a gradient"]["where"] == "script.py:31"


def _line(text: str) -> str:
    """Where the second article's program has this text first."""
    before = WITH_AND_WITHOUT.partition(text)[0]
    return f"script.py:{before.count(chr(10)) + 1}"
