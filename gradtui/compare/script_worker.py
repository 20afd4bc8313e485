"""The process that runs a user's script as ONE side of ONE run: ``gradtui.compare.script_worker``.

It talks to its supervisor like gradtui.training.worker, with two differences: it obeys a stop at any time, and it reports
ready and waits for its first turn once the script has imported torch. Until then (the script's other imports), both sides
run at once; from then on they take turns, so that they do not, say, download the same files at the same time.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import gradtui
from gradtui import private
from gradtui.compare.logged_scalars import Scalars
from gradtui.compare.run_notes import Notes
from gradtui.compare.script_seed import seed_all
from gradtui.compare.script_turns import ScriptSupervisor, ScriptTurns
from gradtui.compare.standard_input import replace_input
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes.last_words import with_log
from gradtui.runs.processes.leftovers import ONLY_WHOLE_GROUPS
from gradtui.script import program
from gradtui.script.after_torch import after_torch
from gradtui.script.ends import Ends, name_of
from gradtui.script.program import Ending, Program, WrongUsage
from gradtui.settings import RunSettings

if TYPE_CHECKING:
    import torch

    from gradtui.compare.applied import AppliedGradients
    from gradtui.compare.script_journal import StepRecorder
    from gradtui.compare.step_hooks import StepHooks


class Side:
    """One side of the run: 0 is WITH, 1 is WITHOUT."""

    def __init__(self, supervisor: ScriptSupervisor, folder: RunFolder, settings: RunSettings, side: int) -> None:
        self.notes = Notes(folder.notes(settings.variants[side]))
        self._supervisor = supervisor
        self._folder, self._settings, self._side = folder, settings, side
        self._variant = settings.variants[side]
        self._turns = ScriptTurns(supervisor)
        self._process = os.getpid()
        self._has_ended = False
        self.finished = False
        self._rows: StepRecorder | None = None
        self._steps: StepHooks | None = None
        self._applied: AppliedGradients | None = None

    @property
    def forked(self) -> bool:
        """Whether this process was forked by the script."""
        return os.getpid() != self._process

    def prepare(self) -> None:
        """Set up everything that must be in place before the script's first line."""
        os.register_at_fork(after_in_child=self._leave_to_parent)
        replace_input(lambda: self.notes.add("the script asked for input and got end of file: a run takes no input"))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore SIGINT; a stop needs it
        scalars = Scalars(self._folder, self._variant, lambda: self._rows.count if self._rows else 0, self.notes.add)
        gradtui._listener = scalars.log  # noqa: SLF001 (it exists for this class)
        seed_all(self._settings.seed)
        after_torch(self._torch_is_there)
        Ends(self._at_exit, self._at_exec).watch()
        self._supervisor.last_words = self._last_words

    def end(self, ending: Ending) -> None:
        """Write what is left and report the end of the script, once."""
        if self._has_ended:
            return
        self._has_ended = True
        self._supervisor.left.set()
        rows = self._rows
        if rows is not None:
            rows.close()
        self._write_notes()
        self.notes.write()
        status, reason = "finished", None
        if rows is not None and rows.failure is not None:
            status, reason = "failed", rows.failure
        elif self._supervisor.stopped.is_set() and not (rows is not None and rows.limit_reached):
            status = "stopped"
        elif ending.code != 0:
            status, reason = "failed", with_log(ending.reason or "", self._folder.log(self._variant))
        self.finished = status == "finished"
        self._supervisor.send("ended", status=status, reason=reason, **self._memory())

    def _at_exit(self, code: int) -> int:
        """Record the end of a script that calls os._exit()."""
        self._end_abruptly(Ending(code, f"the script ended with exit code {code}" if code else None))
        return code

    def _at_exec(self, path: object, argv: object, env: object) -> None:
        """Fail a script that replaces itself with another program: that cannot be recorded, and the supervisor ends it."""
        self._end_abruptly(Ending(1, f"the script replaced itself by {name_of(path)} (os.exec), which cannot be recorded"))

    def _end_abruptly(self, ending: Ending) -> None:
        with suppress(SystemExit):  # the supervisor no longer listens
            self.end(ending)

    def _torch_is_there(self) -> None:
        if self.forked:
            return
        import torch

        from gradtui.compare.applied import Clears, SeesClearing
        from gradtui.compare.backward_losses import BackwardLosses
        from gradtui.compare.script_journal import StepRecorder
        from gradtui.compare.step_hooks import StepHooks
        from gradtui.compare.void_zero_grad import make_zero_grad_void

        if self._settings.schedule == "parallel":  # twice as many threads as cores would slow both to a crawl
            torch.set_num_threads(max(1, torch.get_num_threads() // 2))
        if self._side == 1:
            make_zero_grad_void()
        self._rows = StepRecorder(self._folder, self._variant, self._turns, self._settings.steps or 0, self._say_device)
        losses = BackwardLosses(self._rows.begin)
        self._applied = Clears(losses) if self._side == 0 else SeesClearing(losses)
        self._steps = StepHooks(self._rows, losses, self._applied)
        self._steps.watch()
        self._supervisor.send("ready", device=None, device_name=None, torch=torch.__version__)
        self._turns.take_first()

    def _say_device(self, device: torch.device) -> None:
        """Report the device, which is known once the first backward() begins."""
        import torch

        from gradtui.training.torch_devices import found

        name = str(device)
        self._supervisor.send("ready", device=name, device_name=found().get(name, name), torch=torch.__version__)

    def _write_notes(self) -> None:
        steps, applied = self._rows.count if self._rows is not None else 0, self._applied
        if steps == 0:
            self.notes.add("the script took no step with an optimizer of torch.optim in its own process")
            return
        from gradtui.compare.applied import Clears, SeesClearing

        if self._steps is not None and self._steps.without_loss:
            self.notes.add(
                f"{self._steps.without_loss:,} of {steps:,} steps had no backward() of a scalar before them: their loss is nan"
            )
        if isinstance(applied, Clears) and applied.steps_left_uncleared:
            self.notes.add(
                f"{applied.steps_left_uncleared:,} of the script's {steps:,} steps would apply old gradients again, "
                "as it does not clear them; WITH they were cleared"
            )
        if isinstance(applied, SeesClearing) and applied.cleared_otherwise:
            self.notes.add(
                "the script clears gradients by other means than zero_grad(), which cannot be made void: "
                "they are cleared WITHOUT too"
            )

    def _last_words(self) -> None:
        """Keep the rows of a script that does not stop when told to."""
        if self._rows is not None:
            self._rows.close()
        self._supervisor.send("ended", status="stopped", reason=None, **self._memory())

    def _memory(self) -> dict[str, float | None]:
        with suppress(RuntimeError):  # a failed GPU cannot report its memory
            if self._rows is not None:
                return vars(self._rows.memory())
        return {"peak_mb": None, "now_mb": None}

    def _leave_to_parent(self) -> None:
        """In a process forked by the script, record nothing and take no turns."""
        gradtui._listener = None  # noqa: SLF001
        if self._rows is not None:
            self._rows.recording = False
        self._supervisor.leave_to_parent()


def _run_as_python_would(settings: RunSettings) -> Ending:
    """Run the script in the command's working directory."""
    try:
        os.chdir(settings.directory or ".")
    except OSError as error:
        return Ending(1, f"directory: got {settings.directory!r}; {str(error.strerror).lower()}; takes a folder")
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, f"{sys.exec_prefix}/bin")  # where python puts a command's folder; program.run() replaces it
    try:
        return program.run(Program(settings.script or "", bool(settings.module), shlex.split(settings.arguments or "")))
    except WrongUsage as error:
        return Ending(1, str(error))


def main() -> None:
    supervisor = ScriptSupervisor()
    assignment = supervisor.receive()
    folder, number = RunFolder(Path(assignment["run"])), int(assignment["side"])
    settings = folder.read().settings
    supervisor.log = folder.log(settings.variants[number])
    log = private.appending(supervisor.log)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # the log is read while it grows
    side = Side(supervisor, folder, settings, number)
    side.prepare()
    ending = _run_as_python_would(settings)
    if not side.forked:
        program.wind_up()
        try:
            side.end(ending)
        finally:
            if supervisor.gone or not (side.finished or ONLY_WHOLE_GROUPS):
                supervisor.end_children()
    sys.exit(ending.code)
