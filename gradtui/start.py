"""The entry point of every process that gradtui starts for itself: ``python .../gradtui/start.py MODULE [ARGUMENTS]``.

It calls MODULE's ``main()``. ``python -m MODULE`` would put the working directory first on ``sys.path``, so a user's
``random.py`` or ``torch.py`` there would be imported instead of the real one. Here nothing is imported until the first entry
is removed.
"""

import sys


def _start() -> None:
    """Import gradtui from this file's folder, whatever else is installed, and everything else as python would."""
    package = __file__.rpartition("/")[0]
    parent = package.rpartition("/")[0] or "/"
    if not getattr(sys.flags, "safe_path", False):  # python -P adds no entry
        del sys.path[0]  # this file's own folder: its modules are gradtui's, not top-level ones
    sys.path.insert(0, parent)
    import gradtui

    assert gradtui.__file__
    del sys.path[0]
    if parent not in sys.path:
        sys.path.append(parent)  # for the processes of a user's script, which may import gradtui too

    from importlib import import_module

    del sys.argv[0]
    sys.exit(import_module(sys.argv[0]).main())


if __name__ == "__main__":
    _start()
