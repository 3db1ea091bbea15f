"""nutpie without the import of ArviZ."""

from __future__ import annotations

import subprocess
import sys


def test_nutpie_gets_arviz_once_it_needs_it() -> None:
    code = (
        "import sys\n"
        "from bayesasthma.inference.nutpie_import import import_nutpie\n"
        "nutpie = import_nutpie()\n"
        "assert 'arviz' not in sys.modules\n"
        "own = sys.modules['nutpie.sample'].arviz\n"
        "import arviz\n"
        "assert own.from_dict is arviz.from_dict\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
