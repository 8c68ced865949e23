"""Edits that were made of a version."""

import pytest

from boxoffice.errors import StaleVersion
from boxoffice.versions import check_version


def test_an_edit_passes_if_it_was_made_of_the_stored_version_or_of_any() -> None:
    check_version(2, 2)
    check_version(2, None)
    with pytest.raises(StaleVersion):
        check_version(2, 1)
