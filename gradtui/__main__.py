"""``python -m gradtui`` is the command ``gradtui``."""

import sys

from gradtui.cli import main

sys.exit(main())
