import json
import re
from pathlib import Path

import pytest

import gradtui
from gradtui.catalog import EXPERIMENTS, OPTIMIZERS
from gradtui.kinds import Choice, Switch
from gradtui.settings import SETTINGS, RunSettings, SettingsError


def problem(name: str, value: object) -> str:
    with pytest.raises(SettingsError) as caught:
        RunSettings.parse({name: value})
    assert list(caught.value.errors) == [name]
    return caught.value.errors[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", v) for v in ("0", "-1", "nan", "1e400", "-inf", "abc", "", "1_0", True, None.__class__)]
    + [("epochs", v) for v in ("0", "1.5", str(10**12), "1e3", "٣", "9" * 5000, 2.5)]
    + [("batch_size", v) for v in ("0", "-64")]
    + [("seed", v) for v in ("-1", str(2**64))]
    + [("device", v) for v in ("gpu", "cuda:", "cuda:-1", "cuda:x", "tpu", "")]
    + [("experiment", v) for v in ("linaer", "", "../digits")]
    + [("optimizer", "Adamm"), ("init", "both"), ("schedule", "serial")],
)
def test_a_value_out_of_range_is_told_with_what_is_allowed(name: str, value: object) -> None:
    words = problem(name, value)
    assert words.startswith("got ")
    assert SETTINGS[name].kind.allowed() in words
    assert "\n" not in words
    assert len(words) < 250


def test_the_nearest_name_is_suggested() -> None:
    assert "did you mean 'linear'?" in problem("experiment", "linaer")
    assert "did you mean 'Adam'?" in problem("optimizer", "Adm")
    with pytest.raises(SettingsError, match="did you mean 'epochs'"):
        RunSettings.parse({"epoch": "3"})


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        RunSettings.parse({"lr": "x", "epochs": "0", "seed": "-1"})
    assert set(caught.value.errors) == {"lr", "epochs", "seed"}


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("lr", " 1e-3 ", 0.001),
        ("lr", 1, 1.0),
        ("seed", str(2**64 - 1), 2**64 - 1),
        ("batch_size", "5000", 5000),
        ("device", "CUDA:3", "cuda:3"),
        ("optimizer", "adam", "Adam"),
    ],
)
def test_what_a_person_may_type(name: str, value: object, parsed: object) -> None:
    assert getattr(RunSettings.parse({name: value}), name) == parsed


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name != "script"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_experiment_starts_with_every_optimizer(experiment: str, optimizer: str) -> None:
    settings = RunSettings.parse({"experiment": experiment, "optimizer": optimizer})
    assert (settings.planned_steps(1) or 0) >= 1
    again = RunSettings.parse(json.loads(json.dumps(settings.as_dict())))
    assert again == settings


def test_the_defaults_are_those_of_the_experiment() -> None:
    linear, digits = RunSettings.parse({}), RunSettings.parse({"experiment": "digits"})
    assert (linear.optimizer, linear.lr, linear.epochs, linear.seed, linear.planned_steps(0)) == ("SGD", 0.1, 20, 42, 20)
    assert (digits.lr, digits.epochs, digits.batch_size, digits.planned_steps(0)) == (0.1, 10, 64, 240)


def test_an_option_of_another_optimizer_is_refused() -> None:
    assert "SGD has no such setting" in problem("beta1", "0.9")
    assert RunSettings.parse({"optimizer": "Adam", "beta1": "0.8"}).optimizer_options["betas"] == (0.8, 0.999)


def test_every_setting_has_a_label_a_help_and_a_default_that_it_allows() -> None:
    for setting in SETTINGS.values():
        assert setting.label
        assert setting.help
        if setting.default is not None:
            assert setting.parse(setting.default) == setting.default
        if isinstance(setting.kind, Choice | Switch):
            assert setting.kind.allowed()


def test_control_characters_in_a_value_do_not_reach_the_message() -> None:
    assert "\x1b" not in problem("experiment", "\x1b[31mred")


def test_a_number_of_more_digits_than_python_writes_is_refused_as_any_other() -> None:
    assert problem("epochs", 10**5000).startswith("got a huge int; takes a whole number from 1")


def test_what_a_run_can_do_fits_its_settings() -> None:
    """An ability and the settings that go with it are declared in one entry of the catalogue; they must not contradict."""
    for name, experiment in EXPERIMENTS.items():
        values = {**{key: setting.default for key, setting in SETTINGS.items()}, "experiment": name}
        can = experiment.can
        assert can.count_epochs is (experiment.samples > 0), name
        for ability, setting in (
            (can.count_epochs, "epochs"),
            (can.choose_optimizer, "optimizer"),
            (can.probe_times, "timing_probe"),
            (can.run_script, "script"),
        ):
            assert ability is SETTINGS[setting].applies(values), (name, setting)
        assert can.start_warm is not can.run_script, name
        assert not (can.pack_rows and can.use_several_optimizers), f"{name}: packed rows have no column for the optimizer"


def test_only_settings_ask_whether_there_is_a_script() -> None:
    """Everything else asks what the run can do, so that another kind of run needs no new condition elsewhere."""
    for path in Path(gradtui.__file__).parent.rglob("*.py"):
        if path.name != "settings.py":
            assert not re.search(r"\bscript is (not )?None", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("given", "obstacle"),
    [
        ({"optimizer": "Adam"}, "optimizer is Adam"),
        ({"momentum": 0.9}, "momentum is 0.9"),
        ({"momentum": 0.9, "nesterov": True}, "momentum is 0.9"),
        ({"weight_decay": 0.01}, "weight_decay is 0.01"),
        ({"clip_norm": 1}, "clip_norm is 1.0"),
    ],
)
def test_the_momentum_twin_is_refused_where_it_is_not_exact(side: str, given: dict[str, object], obstacle: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RunSettings.parse({side: "momentum_one", **given})
    assert caught.value.errors == {side: f"got momentum_one; not offered while {obstacle}"}


def test_sharpness_is_measured_of_one_seed() -> None:
    with pytest.raises(SettingsError) as caught:
        RunSettings.parse({"sharpness": True, "seeds": 2})
    assert caught.value.errors == {"sharpness": "got on; takes off while seeds is 2: it is measured of one model"}


def test_the_momentum_twin_is_offered_with_plain_sgd() -> None:
    for experiment in EXPERIMENTS:
        if experiment != "script":
            given = {"experiment": experiment, "left": "never", "right": "momentum_one", "precision": "bfloat16"}
            assert RunSettings.parse(given).variants == ("without_zero_grad", "with_zero_grad_momentum_1")
