"""The setup form, built from the settings' declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Collapsible, Input, Label, Select, Static
from textual.widgets import Switch as SwitchWidget

from gradtui.kinds import Choice, Device, Switch
from gradtui.policies import POLICIES
from gradtui.printing import printable
from gradtui.settings import DECIDING, SETTINGS, RunSettings, Setting, SettingsError, default_of
from gradtui.tui.widgets.text_field import TextField

Control = Input | Select[str] | SwitchWidget


class SettingRow(Vertical):
    """One setting: label, control and error. It has a value even before it is mounted."""

    def __init__(self, setting: Setting, value: object) -> None:
        super().__init__(id=f"row-{setting.name}", classes="setting")
        self.setting = setting
        self.touched = False
        self._known: Any = _shown(setting, value)
        self._control: Control | None = None
        self._problem = Static("", classes="problem", markup=False)
        self.offered = list(_options(setting)) if isinstance(setting.kind, Choice | Device) else []
        """The values of a select."""

    def compose(self) -> ComposeResult:
        self._control = _control(self.setting, self._known)
        self._control.set_class(bool(self._problem.content), "-bad")
        with Horizontal():
            yield Label(self.setting.label)
            yield self._control
        if self._problem.content:
            yield self._problem

    @property
    def value(self) -> object:
        """The control's value, as typed."""
        value = self._control.value if self._control is not None and self._control.is_mounted else self._known
        return None if value is Select.NULL else value

    def was_edited(self) -> bool:
        """Whether the value changed since the last call. Controls also post Changed for their initial value."""
        before, self._known = self._known, self.value
        return bool(before != self._known)

    def put(self, value: object) -> None:
        """Show a value without counting it as an edit by the user."""
        self._known = _shown(self.setting, value)
        if self._control is not None:
            with self.prevent(Input.Changed, Select.Changed, SwitchWidget.Changed):
                self._control.value = self._known

    def say_problem(self, problem: str) -> None:
        """Show an error below the field; an empty string clears it."""
        if problem == self._problem.content:
            return
        self._problem.update(printable(problem))
        self._problem.display = bool(problem)
        if self._control is not None:
            self._control.set_class(bool(problem), "-bad")
            if not self._problem.is_attached:
                self.mount(self._problem)

    def offer(self, options: Mapping[str, str]) -> None:
        """Replace a select's options; ``options`` maps values to labels."""
        assert isinstance(self._control, Select)
        self.offered = [*options]
        chosen = self.value
        with self.prevent(Select.Changed):
            self._control.set_options([(Text(printable(label)), value) for value, label in options.items()])
            self._control.value = str(chosen) if chosen in options else next(iter(options))

    @property
    def can_offer(self) -> bool:
        """Whether there is a select on screen, whose options can be replaced."""
        return self._control is not None and self._control.is_mounted

    def focus_control(self) -> None:
        """Focus the control at once, so that the next key is text; if it is not mounted yet, as soon as it is."""
        if self._control is not None and self._control.is_attached:
            self.screen.set_focus(self._control)
        else:
            self.call_after_refresh(self.focus_control)


class SetupForm(VerticalScroll):
    """All settings of a run. Posts :class:`Changed` whenever they change.

    Rows are mounted when first shown: most never are, and mounting all of them would double the time to first paint.
    """

    can_focus = False

    @dataclass
    class Changed(Message):
        """The form's ``settings``, or None if a field has an error."""

        settings: RunSettings | None

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "Setup"
        self.settings: RunSettings | None = RunSettings.parse({})
        self.errors: dict[str, str] = {}
        self._devices: Mapping[str, str] | None = None
        self._device_problem = ""
        start = RunSettings.parse({}).as_dict()
        self._rows = {name: SettingRow(setting, start.get(name, "")) for name, setting in SETTINGS.items()}
        self._more = Collapsible(title="More", id="more")

    def compose(self) -> ComposeResult:
        choices = self._choices()
        yield from (row for row in self._rows.values() if row.setting.applies(choices) and not row.setting.more)
        yield self._more
        yield Static("", id="hint", markup=False)

    def on_mount(self) -> None:
        self.check()

    # User input

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

    @on(Collapsible.Expanded)
    def _more_is_wanted(self) -> None:
        self._mount_rows()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        row = _row_of(event.widget)
        hint = f"{row.setting.help}\ntakes {row.setting.kind.allowed()}" if row else ""
        self.query_one("#hint", Static).update(hint)

    # Called by the app

    def know_devices(self, devices: Mapping[str, str]) -> None:
        """Offer the devices found on this machine; the first is what ``auto`` picks."""
        self._devices = devices
        names = {name: f"{name}  {title}" for name, title in devices.items()}
        self._rows["device"].offer({"auto": f"auto  ({next(iter(devices))})", **names})
        self.check()

    def cannot_know_devices(self, problem: str) -> None:
        """Report that the device search failed: without torch nothing can be trained."""
        self._device_problem = problem
        self.check()

    def load(self, settings: RunSettings) -> None:
        """Load a run's settings, to repeat or change it."""
        values = settings.as_dict()
        for name, value in values.items():
            self._rows[name].put(value)
            self._rows[name].touched = True
        self.check()

    def focus_first(self) -> None:
        """Focus the first field with an error, else the first field."""
        name = next((name for name in SETTINGS if name in self.errors), "experiment")
        if SETTINGS[name].more:
            self._more.collapsed = False
            self._mount_rows()
        self._rows[name].focus_control()

    def check(self) -> None:
        """Validate every field that applies, show errors, and post Changed."""
        choices = self._choices()
        given = {}
        for name, row in self._rows.items():
            row.display = row.setting.applies(choices)
            if row.display and row.value is not None:
                given[name] = row.value
        self._offer_policies(given)
        self._mount_rows()
        try:
            self.settings, self.errors = RunSettings.parse(given), {}
        except SettingsError as error:
            self.settings, self.errors = None, error.errors
        problem = self._device_problem or self._unknown_device()
        if problem:
            self.settings, self.errors = None, {"device": problem, **self.errors}
        for name, row in self._rows.items():
            row.say_problem(self.errors.get(name, ""))
        self.post_message(self.Changed(self.settings))

    def _offer_policies(self, given: Mapping[str, object]) -> None:
        """Offer only the policies that go with the other fields; one that is chosen stays, with its error."""
        values: dict[str, object] = {}
        for name, value in given.items():
            with suppress(ValueError):  # a field with an error keeps nothing from being offered
                values[name] = SETTINGS[name].parse(value)
        for row in (self._rows["left"], self._rows["right"]):
            names = [name for name, policy in POLICIES.items() if name == row.value or not policy.obstacle(values)]
            if row.can_offer and row.offered != names:
                row.offer({name: name for name in names})

    @property
    def devices(self) -> Mapping[str, str] | None:
        """The devices of this machine; None until they are known."""
        return self._devices

    def show_errors(self, errors: Mapping[str, str]) -> None:
        """Show errors in settings that are each valid by themselves, until the next edit."""
        for name, row in self._rows.items():
            row.say_problem(errors.get(name, ""))
        self._rows[next(iter(errors))].focus_control()

    def _unknown_device(self) -> str:
        if self.settings is None or self._devices is None or self.settings.device in ("auto", *self._devices):
            return ""
        return f"got {self.settings.device!r}; this box has {', '.join(self._devices)}"

    def _choices(self) -> dict[str, object]:
        return {name: self._rows[name].value for name in DECIDING}

    def _put_defaults(self) -> None:
        """Set fields the user has not touched to the defaults of the chosen experiment and optimizer."""
        choices = self._choices()
        for name, row in self._rows.items():
            if not row.touched and row.setting.applies(choices):
                row.put(default_of(name, choices))

    def _mount_rows(self) -> None:
        """Mount the rows that are now visible, each in its place."""
        self._mount_in_order(self, [row for row in self._rows.values() if not row.setting.more], self._more)
        if not self._more.collapsed:
            contents = self._more.query_one(Collapsible.Contents)
            self._mount_in_order(contents, [row for row in self._rows.values() if row.setting.more], None)

    @staticmethod
    def _mount_in_order(parent: Widget, rows: list[SettingRow], after_them: Widget | None) -> None:
        following = after_them
        for row in reversed(rows):
            if row.display and not row.is_attached:
                parent.mount(row, before=following)
            if row.is_attached:
                following = row


def as_typed(value: object) -> str:
    """Format a value as a person would type it."""
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _shown(setting: Setting, value: object) -> Any:
    """Convert a value to what its control holds; for a select that lacks it, the first option."""
    if isinstance(setting.kind, Choice | Device):
        options = _options(setting)
        return str(value) if value in options else options[0]
    return bool(value) if isinstance(setting.kind, Switch) else as_typed(value)


def _options(setting: Setting) -> Sequence[str]:
    return setting.kind.options if isinstance(setting.kind, Choice) else ("auto", "cpu")


def _control(setting: Setting, value: Any) -> Control:
    if isinstance(setting.kind, Choice | Device):
        titles = setting.kind.titles if isinstance(setting.kind, Choice) else {}
        options = [(titles.get(option, option), option) for option in _options(setting)]
        return Select(options, value=value, allow_blank=False, compact=True)
    if isinstance(setting.kind, Switch):
        return SwitchWidget(value, animate=False)
    return TextField(value, compact=True)


def _row_of(widget: Widget) -> SettingRow | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, SettingRow)), None)
