"""Whatever a reference says, nothing outside the folder of artifacts is read."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.artifacts import path_below
from penstock.errors import Poison
from strategies import uris

ROOT = Path("/srv/artifacts")


@given(uris, st.booleans())
def test_a_path_stays_below_its_root(uri: str, absolute: bool) -> None:  # noqa: FBT001 - drawn
    """A URI, alone or behind the root's URL, is Poison or a path that stays inside, with no way up in it."""
    root = f"{ROOT.as_uri()}/"
    try:
        path = path_below(root, f"{root}{uri}" if absolute else uri)
    except Poison:
        return

    assert (ROOT / path).resolve() != ROOT
    assert (ROOT / path).resolve().is_relative_to(ROOT)
    assert ".." not in path.split("/")
