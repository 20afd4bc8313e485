"""The setup form, made from the declarations of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Collapsible, Input, Label, Select, Static
from textual.widgets import Switch as SwitchWidget

from gradtui.settings import DECIDING, SETTINGS, Choice, Device, RunSettings, Setting, SettingsError, Switch, default_of
from gradtui.tui.widgets.text_field import TextField

Control = Input | Select[str] | SwitchWidget


class SettingRow(Vertical):
    """One setting: its label, its control, and the place of its error."""

    def __init__(self, setting: Setting, value: object) -> None:
        super().__init__(id=f"row-{setting.name}", classes="setting")
        self.setting = setting
        self.touched = False
        self._control = _control(setting, value)
        self._known = self.value

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(self.setting.label)
            yield self._control
        yield Static("", classes="problem", markup=False)

    @property
    def value(self) -> object:
        """What the control holds, as typed."""
        value = self._control.value
        return None if value is Select.NULL else value

    def was_edited(self) -> bool:
        """Whether the value is another than when last asked. A control also tells of the value that it was made with."""
        before, self._known = self._known, self.value
        return before != self._known

    def put(self, value: object) -> None:
        """Show a value without taking it for the user's own."""
        with self.prevent(Input.Changed, Select.Changed, SwitchWidget.Changed):
            if isinstance(self._control, Input):
                self._control.value = as_typed(value)
            elif isinstance(self._control, SwitchWidget):
                self._control.value = bool(value)
            else:
                self._control.value = str(value)
        self._known = self.value

    def say_problem(self, problem: str) -> None:
        """Show an error under the field, or none."""
        place = self.query_one(".problem", Static)
        place.display = bool(problem)
        place.update(problem)
        self._control.set_class(bool(problem), "-bad")

    def offer(self, options: Mapping[str, str]) -> None:
        """Give a select other options: value to what is shown."""
        assert isinstance(self._control, Select)
        chosen = self.value
        with self.prevent(Select.Changed):
            self._control.set_options([(label, value) for value, label in options.items()])
            self._control.value = str(chosen) if chosen in options else next(iter(options))

    def focus_control(self) -> None:
        self._control.focus()


class SetupForm(VerticalScroll):
    """All settings of a run. Posts :class:`Changed` whenever what it holds changes."""

    can_focus = False

    @dataclass
    class Changed(Message):
        """The form holds ``settings``, or None where some field has an error."""

        settings: RunSettings | None

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "Setup"
        self.settings: RunSettings | None = RunSettings.parse({})
        self.errors: dict[str, str] = {}
        self._devices: Mapping[str, str] | None = None
        self._device_problem = ""

    def compose(self) -> ComposeResult:
        start = RunSettings.parse({}).as_dict()
        rows = {name: SettingRow(setting, start.get(name, "")) for name, setting in SETTINGS.items()}
        yield from (row for name, row in rows.items() if not SETTINGS[name].more)
        with Collapsible(title="More", id="more"):
            yield from (row for name, row in rows.items() if SETTINGS[name].more)
        yield Static("", id="hint", markup=False)

    def on_mount(self) -> None:
        self.check()

    # What the user does

    @on(Input.Changed)
    @on(Select.Changed)
    @on(SwitchWidget.Changed)
    def _edited(self, event: Input.Changed | Select.Changed | SwitchWidget.Changed) -> None:
        event.stop()
        row = _row_of(event.control)
        if row is None or not row.was_edited():
            return
        row.touched = True
        if row.setting.name in DECIDING:
            self._put_defaults()
        self.check()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        row = _row_of(event.widget)
        hint = f"{row.setting.help}\ntakes {row.setting.kind.allowed()}" if row else ""
        self.query_one("#hint", Static).update(hint)

    # What the app does

    def know_devices(self, devices: Mapping[str, str]) -> None:
        """The devices of this box were found, ``auto``'s first."""
        self._devices = devices
        names = {name: f"{name}  {title}" for name, title in devices.items()}
        self._row("device").offer({"auto": f"auto  ({next(iter(devices))})", **names})
        self.check()

    def cannot_know_devices(self, problem: str) -> None:
        """The search for devices failed: without torch nothing can be trained."""
        self._device_problem = problem
        self.check()

    def load(self, settings: RunSettings) -> None:
        """Show the settings of a run, to run it again or to change it."""
        values = settings.as_dict()
        for row in self.query(SettingRow):
            if row.setting.name in values:
                row.put(values[row.setting.name])
                row.touched = True
        self.check()

    def focus_first(self) -> None:
        """Go to the first field with an error, else to the first field."""
        name = next((name for name in SETTINGS if name in self.errors), "experiment")
        if SETTINGS[name].more:
            self.query_one("#more", Collapsible).collapsed = False
        self._row(name).focus_control()

    def check(self) -> None:
        """Check every field that applies, show errors, and tell."""
        choices = self._choices()
        given = {}
        for row in self.query(SettingRow):
            row.display = row.setting.applies(choices)
            if row.display and row.value is not None:
                given[row.setting.name] = row.value
        try:
            self.settings, self.errors = RunSettings.parse(given), {}
        except SettingsError as error:
            self.settings, self.errors = None, error.errors
        problem = self._device_problem or self._unknown_device()
        if problem:
            self.settings, self.errors = None, {"device": problem, **self.errors}
        for row in self.query(SettingRow):
            row.say_problem(self.errors.get(row.setting.name, ""))
        self.post_message(self.Changed(self.settings))

    @property
    def devices(self) -> Mapping[str, str] | None:
        """The devices of this box, where they are known by now."""
        return self._devices

    def show_errors(self, errors: Mapping[str, str]) -> None:
        """Show what is wrong with settings that each for itself are right; it goes when something is edited."""
        for row in self.query(SettingRow):
            row.say_problem(errors.get(row.setting.name, ""))
        self._row(next(iter(errors))).focus_control()

    def _unknown_device(self) -> str:
        if self.settings is None or self._devices is None or self.settings.device in ("auto", *self._devices):
            return ""
        return f"got {self.settings.device!r}; this box has {', '.join(self._devices)}"

    def _choices(self) -> dict[str, object]:
        return {name: self._row(name).value for name in DECIDING}

    def _put_defaults(self) -> None:
        """Fields that the user has not touched follow the experiment and the optimizer."""
        choices = self._choices()
        for row in self.query(SettingRow):
            if not row.touched and row.setting.applies(choices):
                row.put(default_of(row.setting.name, choices))

    def _row(self, name: str) -> SettingRow:
        return self.query_one(f"#row-{name}", SettingRow)


def as_typed(value: object) -> str:
    """A value as a person would type it."""
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _control(setting: Setting, value: object) -> Control:
    if isinstance(setting.kind, Choice | Device):
        options = setting.kind.options if isinstance(setting.kind, Choice) else ("auto", "cpu")
        shown = str(value) if value in options else options[0]  # a setting that does not apply yet has no value
        return Select([(option, option) for option in options], value=shown, allow_blank=False, compact=True)
    if isinstance(setting.kind, Switch):
        return SwitchWidget(bool(value), animate=False)
    return TextField(as_typed(value), compact=True)


def _row_of(widget: Widget) -> SettingRow | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, SettingRow)), None)
