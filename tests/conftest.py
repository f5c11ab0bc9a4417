import os
from pathlib import Path

import pytest
from hypothesis import settings

from chainrule.ir import Operation

ROOT = Path(__file__).parents[1]

# How long an example takes says something of the machine only. The gate tries the same
# examples each time, so that it fails for what a change did; elsewhere they are new.
settings.register_profile("here", deadline=None)
settings.register_profile("gate", deadline=None, derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session", autouse=True)
def cache_of_programs(tmp_path_factory):
    """Tests begin without compiled programs, and leave none to the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_CACHE", str(tmp_path_factory.mktemp("programs")))
        yield


@pytest.fixture
def fresh_registry():
    """Operations that a test defines are gone after it."""
    known = dict(Operation.registry)
    yield Operation.registry
    Operation.registry.clear()
    Operation.registry.update(known)


@pytest.fixture
def data_folder():
    """Give the folder of public tables, or skip where there is none."""
    folder = Path(os.environ.get("CHAINRULE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; CHAINRULE_DATA may name another")
    return folder
