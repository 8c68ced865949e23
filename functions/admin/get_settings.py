"""GET /v1/admin/settings"""

from boxoffice import db
from boxoffice.admin import settings
from boxoffice.admin.models import SettingsView
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/v1/admin/settings", who=Who.ADMIN)
def get_settings() -> SettingsView:
    """Return the settings that admins change while the platform runs, and their defaults.

    What a deploy alone changes is not here.
    """
    with db.autocommit() as conn:
        found = settings.get_settings(conn, caller())
    etag(found.version)
    return found
