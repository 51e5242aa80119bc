"""A sample of the notebooks with a known truth; `tests/rehearsal_truth/run.py` runs all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rehearsal_truth.catalog import SAMPLE
from rehearsal_truth.environments import Environments
from rehearsal_truth.run import rehearse
from rehearsal_truth.truth import TruthNotebook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environments]:
    """The demo's environment with more packages, for all notebooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with Environments(tmp_path_factory.mktemp("truth")) as environments:
            yield environments


@pytest.mark.parametrize("notebook", SAMPLE, ids=lambda notebook: notebook.name)
def test_verdicts_agree_with_the_truth(
    notebook: TruthNotebook,
    environments: Environments,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    judged = rehearse(notebook, environments, tmp_path_factory.mktemp("projects"))
    assert judged.is_right, f"{judged.truth_signs} was judged {judged.verdict_signs}"
