from pathlib import Path

import pytest

from gradtui.runs import history
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.saved_runs import all_runs
from tests.made_up import made_up_run


def test_a_summary_has_the_last_losses() -> None:
    summary = history.summarize(made_up_run(steps=30))
    assert summary.status == "finished"
    assert summary.losses[0] == pytest.approx(0.3 * 2.718281828**-3)


def test_only_the_newest_run_is_news() -> None:
    assert history.news() is None
    made_up_run()
    newest = made_up_run(status="failed")
    offer = history.news()
    assert offer is not None
    assert offer.folder == newest
    assert offer.words == f"{newest.id} has ended: failed"
    newest.mark_seen()
    assert history.news() is None


def test_a_live_run_is_news_even_when_it_was_seen() -> None:
    run = made_up_run(status="running")
    run.mark_seen()
    with run.alive():
        offer = history.news()
        assert offer is not None
        assert offer.words == f"{run.id} is running"


def test_a_live_run_is_not_deleted() -> None:
    run = made_up_run(status="running")
    with run.alive(), pytest.raises(ValueError, match="is in progress; stop it first"):
        history.delete(run)
    assert run.path.exists()


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path: Path) -> None:
    elsewhere = made_up_run()
    away = tmp_path / "away"
    elsewhere.path.rename(away)
    elsewhere.path.symlink_to(away)
    history.delete(RunFolder(elsewhere.path))
    assert not elsewhere.path.is_symlink()
    assert (away / "run.json").exists()
    assert all_runs() == []


@pytest.mark.parametrize("lock", ["alive", "starting"])
def test_a_damaged_run_is_not_deleted_while_it_is_supervised(lock: str) -> None:
    run = made_up_run(status="running")
    (run.path / "run.json").write_text("{")
    with getattr(run, lock)(), pytest.raises(ValueError, match=f"{run.id} is in use"):
        history.delete(run)
    assert all_runs() == [run]
    history.delete(run)
    assert all_runs() == []


def test_left_overs_do_not_stand_in_the_way_and_go_too() -> None:
    run, other = made_up_run(), made_up_run()
    runs = run.path.parent
    for left in (f".deleted-{run.id}", ".deleted-before"):
        (runs / left / "deep").mkdir(parents=True)
        (runs / left / "deep" / "rows").touch()
    (runs / ".deleted-link").symlink_to(other.path)
    history.delete(run)
    assert all_runs() == [other]
    assert [path.name for path in runs.iterdir() if path.is_dir() and not path.is_symlink()] == [other.id]
    assert other.read().status == "finished"


def test_a_crash_in_the_middle_of_a_deletion_leaves_nothing_that_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = made_up_run(), made_up_run()

    def crash(path: Path, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(history.shutil, "rmtree", crash)  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            history.delete(run)
    assert all_runs() == [other]
    history.delete(other)
    assert list(run.path.parent.iterdir()) == []


def test_what_cannot_be_renamed_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_up_run()

    def refuse(*paths: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(HomeError, match="Permission denied"):
        history.delete(run)
    assert run.count_steps("with_zero_grad") == 20
