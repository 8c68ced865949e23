"""Edits that are based on a version."""

import pytest

from boxoffice.errors import StaleVersion
from boxoffice.versions import check_version


def test_an_edit_passes_if_it_is_based_on_the_current_version_or_names_none() -> None:
    check_version(2, 2)
    check_version(2, None)
    with pytest.raises(StaleVersion):
        check_version(2, 1)
