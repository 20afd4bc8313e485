from pathlib import Path

import pytest

from gradtui.runs import history
from gradtui.runs.folder import RunFolder, all_runs
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
    assert offer.words == f"{newest.id} ended meanwhile: failed"
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
    with run.alive(), pytest.raises(ValueError, match="goes on; stop it first"):
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
