"""The pytest plugin: the fixture ``gradcheck``, and ``pytest --gradcheck``. PYTEST_DONT_REWRITE

pytest loads this in every session of an environment with gradtui, so it imports nothing that pytest has not imported; torch is
left to the tests.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradtui.check.api import Watch

OPTION = "--gradcheck"
MARKER = (
    "gradcheck(ignore=[...]): kinds of findings that this test may have, for the fixture gradcheck and the option --gradcheck"
)
IN_REPORT = "gradcheck"
"""The attribute of a test's last report that holds its findings, a line each; under xdist it travels with the report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradtui")
    group.addoption(
        OPTION, action="store_true", help="watch the training in each test, and fail the session with a line for each finding"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    if config.getoption(OPTION):
        config.pluginmanager.register(_WatchesEachTest(), "gradtui-watches-each-test")


# The fixture

_watch = pytest.StashKey["Watch"]()
_failed = pytest.StashKey[bool]()


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Generator[Watch, None, None]:
    """Watches the test, and fails it at its end unless its training is clean.

    A test that calls ``gradcheck.assert_clean(ignore=[...])`` itself is not checked again; one that has failed gets the report.
    """
    from gradtui.check.api import Watch

    with Watch(quiet=True) as watch:
        request.node.stash[_watch] = watch
        yield watch
    if not (watch.asserted or request.node.stash.get(_failed, False)):
        try:
            watch.assert_clean(_ignored(request.node))
        except AssertionError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    watch = item.stash.get(_watch, None) if call.when == "call" else None
    if watch is not None:
        report = outcome.get_result()
        item.stash[_failed] = not report.passed
        if not report.passed and watch.findings:
            report.sections.append(("gradcheck", watch.report()))


def _ignored(item: pytest.Item) -> list[str]:
    """The kinds of findings that the test's markers, and its class's and module's, allow."""
    marks = item.iter_markers("gradcheck")
    return [kind for mark in marks for kind in (*mark.args[:1], mark.kwargs.get("ignore", ())) for kind in kind]


# The option


class _WatchesEachTest:
    """Watches each test from its first fixture to its last, and lists the findings at the end of the session."""

    def __init__(self) -> None:
        self._watch: Watch | None = None
        self._found: list[str] = []

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, None, None]:
        from gradtui.check.api import Watch

        self._watch = Watch(quiet=True)
        self._watch.start()
        yield
        self._watch.stop()
        self._watch = None

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        outcome = yield
        if call.when == "teardown" and self._watch is not None:
            ignored = _ignored(item)
            lines = [
                f"{finding.kind}: {finding.message}" + (f" ({finding.where})" if finding.where is not None else "")
                for finding in self._watch.findings
                if finding.kind not in ignored
            ]
            setattr(outcome.get_result(), IN_REPORT, lines)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._found += [f"{report.nodeid}: {line}" for line in getattr(report, IN_REPORT, ())]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        is_worker = hasattr(session.config, "workerinput")
        if self._found and session.exitstatus == pytest.ExitCode.OK and not is_worker:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._found:
            terminalreporter.section("gradcheck")
            for line in self._found:
                terminalreporter.line(line)
            terminalreporter.line(f"{len(self._found)} finding{'s' if len(self._found) > 1 else ''}: the session fails")
