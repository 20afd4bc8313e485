import pytest
from textual.pilot import Pilot
from textual.widgets import Collapsible, Input, Select

from gradtui.settings import DECIDING, SETTINGS
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.setup_form import SettingRow, SetupForm
from tests.tui.pilot import drive, until
from tests.tui.test_run_screen import text_of


def field(screen: RunScreen, name: str) -> Input:
    return screen.query_one(f"#row-{name} Input", Input)


def shown(screen: RunScreen) -> list[str]:
    """The settings with a row on screen, top to bottom."""
    return [row.setting.name for row in screen.query(SettingRow) if row.display]


async def open_more(pilot: Pilot[int], screen: RunScreen) -> None:
    screen.query_one("#more", Collapsible).collapsed = False
    await pilot.pause()


@pytest.mark.slow
def test_every_setting_has_its_place_in_the_form() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        seen = set(shown(screen))
        assert "precision" not in seen, "a row that is not seen costs nothing"
        await open_more(pilot, screen)
        for name in DECIDING:
            options = SETTINGS[name].kind.options  # type: ignore[attr-defined]  # what decides is a Choice
            for option in (*options, options[0]):
                screen.query_one(f"#row-{name} Select", Select).value = option
                await pilot.pause()
                now = shown(screen)
                assert now == sorted(now, key=lambda name: (SETTINGS[name].more, [*SETTINGS].index(name)))
                seen |= set(now)
        assert seen == set(SETTINGS)

    drive(scenario)


def test_a_problem_in_a_row_that_is_not_there_yet_is_shown_with_it() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        form = screen.query_one(SetupForm)
        form._rows["momentum"].put("-1")
        form.check()
        await pilot.press("f5")
        await until(pilot, lambda: screen.focused is screen.query_one("#row-momentum Input"))
        assert screen.query_one("#row-momentum .problem").display

    drive(scenario)


def test_an_error_stands_under_its_field_and_goes_when_mended() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        form = screen.query_one(SetupForm)
        field(screen, "lr").value = "-1"
        await pilot.pause()
        problem = screen.query_one("#row-lr .problem")
        assert problem.display
        assert form.settings is None
        await pilot.press("f5")
        assert screen.folder is None, "nothing is started with a wrong setting"
        field(screen, "lr").value = "0.2"
        await pilot.pause()
        assert not problem.display
        assert form.settings is not None
        assert form.settings.lr == 0.2

    drive(scenario)


def test_untouched_fields_follow_the_experiment_and_touched_ones_stay() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        field(screen, "seed").value = "7"
        await pilot.pause()
        screen.query_one("#row-experiment Select", Select).value = "digits"
        await pilot.pause()
        settings = screen.query_one(SetupForm).settings
        assert settings is not None
        assert (settings.epochs, settings.batch_size, settings.seed) == (10, 64, 7)
        screen.query_one("#row-optimizer Select", Select).value = "Adam"
        await pilot.pause()
        settings = screen.query_one(SetupForm).settings
        assert settings is not None
        assert settings.lr == 0.001

    drive(scenario)


def test_the_form_shows_what_the_chosen_optimizer_has() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await open_more(pilot, screen)
        assert "momentum" in shown(screen)
        assert "beta1" not in shown(screen)
        screen.query_one("#row-optimizer Select", Select).value = "Adam"
        await pilot.pause()
        assert "momentum" not in shown(screen)
        assert "beta1" in shown(screen)

    drive(scenario)


def test_a_device_that_this_box_lacks_is_an_error_at_the_field() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        form = screen.query_one(SetupForm)
        form.know_devices({"cpu": "a processor"})
        form.cannot_know_devices("torch cannot be used here: no module named torch")
        await pilot.pause()
        assert "torch cannot be used" in form.errors["device"]

    drive(scenario)


def test_a_policy_is_offered_only_where_it_is_exact() -> None:
    def offered(screen: RunScreen) -> set[object]:
        return {value for _, value in screen.query_one("#row-right Select", Select)._options}

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await open_more(pilot, screen)
        form = screen.query_one(SetupForm)
        assert "momentum_one" in offered(screen)
        field(screen, "momentum").value = "0.9"
        await until(pilot, lambda: "momentum_one" not in offered(screen))
        field(screen, "momentum").value = "0"
        await until(pilot, lambda: "momentum_one" in offered(screen))
        screen.query_one("#row-right Select", Select).value = "momentum_one"
        await pilot.pause()
        assert form.settings is not None
        screen.query_one("#row-optimizer Select", Select).value = "Adam"
        await until(pilot, lambda: form.errors == {"right": "got momentum_one; not offered while optimizer is Adam"})
        assert "momentum_one" in offered(screen), "what is chosen stays, with its error"
        screen.query_one("#row-right Select", Select).value = "never"
        await until(pilot, lambda: form.settings is not None and "momentum_one" not in offered(screen))

    drive(scenario)


def test_a_learning_rate_beyond_a_limit_is_named_before_the_run() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        assert "diverges" not in text_of(screen, "Panel")
        field(screen, "lr").value = "0.2"
        await until(pilot, lambda: "lr 0.2 is above 1/6: WITH diverges" in text_of(screen, "Panel"))

    drive(scenario)
