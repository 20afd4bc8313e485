"""``python -m gradtui`` is the command ``gradtui``."""

import sys

if not getattr(sys.flags, "safe_path", False):
    # python -m puts the working directory here; the command has the folder of its scripts. Nothing is imported before that.
    sys.path[0] = f"{sys.exec_prefix}/bin"

from gradtui.cli import main

sys.exit(main())
