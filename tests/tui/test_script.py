"""The experiment "your script" in the app."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Select, Switch

from gradtui.settings import RunSettings
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.setup_form import SetupForm
from tests.tui.pilot import drive, until
from tests.tui.test_form import field, shown
from tests.tui.test_run_screen import text_of

SCRIPT = """
import gradtui
import torch
weight = torch.nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.SGD([weight], lr=0.1)
for step in range(30):
    (weight ** 2).backward()
    optimizer.step()
    gradtui.log(weight=weight, loss=0.125, accuracy=0.5)
"""


@pytest.mark.slow
def test_a_script_is_named_checked_run_and_shown(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        form = screen.query_one(SetupForm)
        select = screen.query_one("#row-experiment Select", Select)
        select.value = "script"
        await pilot.pause()
        assert "your script" in str(select.query_one("#label").render())
        assert {"script", "arguments", "directory", "steps", "seed"} <= set(shown(screen))
        assert not {"optimizer", "lr", "epochs", "left", "right", "device"} & set(shown(screen))
        assert "got nothing; takes the path" in form.errors["script"]
        field(screen, "script").value = str(tmp_path / "missing.py")
        await pilot.pause()
        await pilot.press("f5")
        await pilot.pause()
        assert screen.folder is None
        assert "no such file" in str(screen.query_one("#row-script .problem").render())
        field(screen, "script").value = str(tmp_path / "train.py")
        await pilot.pause()
        await pilot.press("f5")
        await until(pilot, lambda: screen.status == "finished")
        await until(pilot, lambda: "step 30" in text_of(screen, "#status"))
        assert "train.py · seed 42" in text_of(screen, "#status")
        await until(pilot, lambda: "would apply old gradients again" in " ".join(text_of(screen, "Panel").split()))
        await pilot.press("f4", "f4")
        await until(pilot, lambda: "Your script, unchanged" in text_of(screen, "Panel"))
        assert "   5   optimizer = torch.optim.SGD([weight], lr=0.1)" in text_of(screen, "Panel")
        seen = set()
        for _ in range(9):
            seen.add(text_of(screen, "#left").split("\n")[0].strip())
            await pilot.press("m")
            await pilot.pause()
        assert {"weight, logged", "loss, logged", "loss", "accuracy"} <= {head.split("  ")[0] for head in seen}
        assert "loss, logged" in {head.split("  ")[0] for head in seen if head.endswith("0.125")}

    drive(scenario)


@pytest.mark.slow
def test_a_run_of_a_module_is_shown_and_run_again(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "rows.py").write_text("ROWS = 30\n")
    source = SCRIPT.replace("range(30)", "range(ROWS)").replace("import gradtui", "from .rows import ROWS\nimport gradtui")
    (tmp_path / "package" / "train.py").write_text(source)
    given = {"experiment": "script", "script": "package.train", "module": True, "directory": str(tmp_path)}

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        form = screen.query_one(SetupForm)
        form.load(RunSettings.parse(given))
        await pilot.pause()
        assert screen.query_one("#row-module Switch", Switch).value
        await pilot.press("f5")
        await until(pilot, lambda: screen.status == "finished")
        await until(pilot, lambda: "step 30" in text_of(screen, "#status"))
        assert "-m package.train · seed 42" in text_of(screen, "#status")
        await pilot.press("f4", "f4")
        await until(pilot, lambda: "   6   optimizer = torch.optim.SGD([weight], lr=0.1)" in text_of(screen, "Panel"))

    drive(scenario)
