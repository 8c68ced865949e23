"""The settings of the platform, as admins read and change them."""

from boxoffice import audit, auth, db, platform_settings
from boxoffice.admin.models import SettingsView
from boxoffice.auth import Caller, Who
from boxoffice.fees import service as fees
from boxoffice.platform_settings import PlatformSettings
from boxoffice.versions import check_version


def get_settings(conn: db.Connection, caller: Caller) -> SettingsView:
    """Return the settings as they are stored, and their defaults.

    Raises:
        Forbidden: the caller is no admin.
    """
    auth.require_admin(conn, caller)
    return _view(platform_settings.version(conn), platform_settings.read(conn))


def update_settings(
    conn: db.Connection, caller: Caller, new: PlatformSettings, expected_version: int | None
) -> SettingsView:
    """Replace all settings. Those that the request leaves out have their defaults again.

    Raises:
        Forbidden: the caller is no admin.
        StaleVersion: somebody else has changed them since.
        SecondFactorRequired: the caller would need a second factor by the new settings, and has none.
    """
    auth.require_admin(conn, caller)
    auth.require_second_factor(conn, caller, Who.ADMIN, new.second_factor_required)
    version = platform_settings.lock(conn)
    check_version(version, expected_version)
    old = platform_settings.read(conn)
    if new == old:
        return _view(version, old)
    platform_settings.replace(conn, new)
    fees.set_default(conn, new.platform_fees)
    conn.after_commit(lambda *_: platform_settings.forget(), None)
    before, after = (settings.model_dump(mode="json") for settings in (old, new))
    audit.record(conn, caller, "update_settings", "platform settings", **audit.changes(before, after))
    return _view(version + 1, new)


def _view(version: int, values: PlatformSettings) -> SettingsView:
    return SettingsView(version=version, values=values, defaults=PlatformSettings())
