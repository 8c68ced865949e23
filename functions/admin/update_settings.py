"""PUT /v1/admin/settings"""

from boxoffice import db
from boxoffice.admin import settings
from boxoffice.admin.models import SettingsView
from boxoffice.api import IfMatch, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.platform_settings import PlatformSettings

__all__ = ["handler"]


@route("PUT", "/v1/admin/settings", who=Who.ADMIN)
def update_settings(values: PlatformSettings, if_match: IfMatch = None) -> SettingsView:
    """Replace the settings. One that is left out has its default again.

    The change holds at once where it is made, and everywhere within ten seconds.
    """
    with db.transaction() as conn:
        changed = settings.update_settings(conn, caller(), values, expected_version(if_match))
    etag(changed.version)
    return changed
