"""Use cases of galleries: pictures of an organisation in an order, with captions. Everybody sees the published ones.

Whoever changes a gallery or its images locks the gallery first. Its images have the positions 1, 2, 3 and so on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, rate_limit, sql
from boxoffice.auth import Caller, require_role, role_of
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.media import rules, service
from boxoffice.media.models import (
    GalleryImageRequest,
    GalleryImageRow,
    GalleryImageView,
    GalleryPage,
    GalleryPatch,
    GalleryRequest,
    GalleryRow,
    GallerySummary,
    GalleryView,
    ListedGallery,
)
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.versions import check_version

SQL = sql.queries("media")


def list_galleries(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID | None,
    event_id: UUID | None,
    limit: int,
    cursor: str | None,
) -> GalleryPage:
    """Return a page of the published galleries, newest first.

    A member who filters by their own organisation sees those that are not published, too.
    """
    filters = {"organisation_id": organisation_id, "event_id": event_id, "before": decode_id(cursor) or LAST_ID}
    is_strange_key = caller.acts_for not in (None, organisation_id)  # it sees what everybody does
    is_member = organisation_id is not None and not is_strange_key and _is_member(conn, caller, organisation_id)
    rows = db.search(conn, ListedGallery, SQL.list_galleries, include_drafts=is_member, limit=limit, **filters)
    return GalleryPage.of(rows, limit, show=_summary)


def get_gallery(conn: db.Connection, caller: Caller, gallery_id: UUID) -> GalleryView:
    """Return a gallery with its images. Only members see one that is not published, or whose seller may not sell.

    Raises:
        NotFound: there is no such gallery, or the caller may not see it.
    """
    gallery = _find(conn, gallery_id)
    is_shown = gallery.is_published and gallery.organisation_status == "approved"
    if not _is_member(conn, caller, gallery.organisation_id) and not is_shown:
        raise NotFound
    return _view(gallery, _images(conn, gallery_id))


def create_gallery(conn: db.Connection, caller: Caller, request: GalleryRequest) -> GalleryView:
    """Make a gallery without images.

    Raises:
        NotFound, Forbidden: the organisation or the event is not the caller's, or the role is too low.
        TooManyRequests: a hundred were made in an hour before.
    """
    require_role(conn, caller, request.organisation_id)
    _check_event(conn, request.organisation_id, request.event_id)
    gallery_id = new_id()
    db.run(conn, SQL.insert_gallery, id=gallery_id, created_at=datetime.now(UTC), **request.model_dump())
    gallery = _find(conn, gallery_id)
    _record(conn, caller, "create_gallery", gallery, **request.model_dump(mode="json"))
    rate_limit.limit_making(conn, caller, gallery.organisation_id, "galleries")
    return _view(gallery, [])


def update_gallery(
    conn: db.Connection, caller: Caller, gallery_id: UUID, patch: GalleryPatch, expected_version: int | None
) -> GalleryView:
    """Change some of a gallery's fields, or the order and the captions of its images.

    Raises:
        NotFound, Forbidden: the gallery or the event is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        ImagesIncomplete: `images` does not name each image once.
    """
    gallery = _lock(conn, caller, gallery_id)
    check_version(gallery.version, expected_version)
    changes = patch.changes()
    before: dict[str, Any] = {name: getattr(gallery, name) for name in changes if name != "images"}
    if "event_id" in changes:
        _check_event(conn, gallery.organisation_id, changes["event_id"])
    if "images" in changes:
        images = _images(conn, gallery_id)
        before["images"] = [_recorded(image.id, image.caption, image.alt) for image in images]
        columns = rules.ordered(images, patch.images)
        _set_images(conn, gallery_id, columns)
        changes["images"] = [_recorded(each["id"], each["caption"], each["alt"]) for each in columns]
    db.run(conn, SQL.update_gallery, **(vars(gallery) | changes))
    _record(conn, caller, "update_gallery", gallery, before=before, after=changes)
    return _view(_find(conn, gallery_id), _images(conn, gallery_id))


def delete_gallery(conn: db.Connection, caller: Caller, gallery_id: UUID) -> None:
    """Delete a gallery with its images.

    Raises:
        NotFound, Forbidden: the gallery is not the caller's, or the role is too low.
    """
    gallery = _lock(conn, caller, gallery_id)
    uploads = [image.upload_id for image in _images(conn, gallery_id)]
    db.run(conn, SQL.delete_images, gallery_id=gallery_id)
    db.run(conn, SQL.delete_gallery, id=gallery_id)
    service.release(conn, uploads)
    _record(conn, caller, "delete_gallery", gallery, title=gallery.title)


def add_image(conn: db.Connection, caller: Caller, gallery_id: UUID, request: GalleryImageRequest) -> GalleryView:
    """Add a picture to the end of a gallery.

    Raises:
        NotFound, Forbidden: the gallery or the upload is not the caller's, or the role is too low.
        PictureNotReady, GalleryFull, ImageThereAlready: it cannot be added.
    """
    gallery = _lock(conn, caller, gallery_id)
    rules.check_room(_images(conn, gallery_id))
    service.use(conn, gallery.organisation_id, request.upload_id)
    image_id = new_id()
    db.run(conn, SQL.insert_image, id=image_id, gallery_id=gallery_id, **request.model_dump())
    db.run(conn, SQL.update_gallery, **vars(gallery))
    facts = request.model_dump(mode="json")
    _record(conn, caller, "add_gallery_image", gallery, image_id=str(image_id), **facts)
    return _view(_find(conn, gallery_id), _images(conn, gallery_id))


def remove_image(conn: db.Connection, caller: Caller, gallery_id: UUID, image_id: UUID) -> None:
    """Remove an image from a gallery. Those behind it move up.

    Raises:
        NotFound, Forbidden: the image is not in a gallery of the caller's, or the role is too low.
    """
    gallery = _lock(conn, caller, gallery_id)
    removed = db.get(conn, dict, SQL.delete_image, id=image_id, gallery_id=gallery_id)
    db.run(conn, SQL.close_gap, gallery_id=gallery_id, position=removed["position"])
    db.run(conn, SQL.update_gallery, **vars(gallery))
    service.release(conn, [removed["upload_id"]])
    facts = {"image_id": str(image_id), "upload_id": str(removed["upload_id"])}
    _record(conn, caller, "remove_gallery_image", gallery, **facts)


def _lock(conn: db.Connection, caller: Caller, gallery_id: UUID) -> GalleryRow:
    """Lock a gallery that the caller may change, then return it.

    Raises:
        NotFound, Forbidden: the gallery is not the caller's, or the role is too low.
    """
    db.run(conn, SQL.lock_gallery, id=gallery_id)
    gallery = _find(conn, gallery_id)
    require_role(conn, caller, gallery.organisation_id)
    return gallery


def _find(conn: db.Connection, gallery_id: UUID) -> GalleryRow:
    return db.get(conn, GalleryRow, SQL.get_gallery, id=gallery_id)


def _images(conn: db.Connection, gallery_id: UUID) -> list[GalleryImageRow]:
    return db.many(conn, GalleryImageRow, SQL.list_images, gallery_id=gallery_id)


def _set_images(conn: db.Connection, gallery_id: UUID, columns: Sequence[dict[str, Any]]) -> None:
    lists = {f"{name}s": [each[name] for each in columns] for name in ("id", "position", "caption", "alt")}
    db.run(conn, SQL.set_images, gallery_id=gallery_id, **lists)


def _check_event(conn: db.Connection, organisation_id: UUID, event_id: UUID | None) -> None:
    named = {"event_id": event_id, "organisation_id": organisation_id}
    if event_id is not None and not db.value(conn, SQL.has_event, **named):
        raise NotFound("The organisation has no such event.")


def _is_member(conn: db.Connection, caller: Caller, organisation_id: UUID) -> bool:
    return role_of(conn, caller, organisation_id) is not None


def _recorded(image_id: UUID, caption: str, alt: str) -> dict[str, str]:
    """Return what the audit log has of an image."""
    return {"id": str(image_id), "caption": caption, "alt": alt}


def _summary(gallery: ListedGallery) -> GallerySummary:
    cover = rules.picture_view(gallery.cover_id, gallery.cover_picture, gallery.cover_alt or "")
    return GallerySummary(**vars(gallery), cover=cover)


def _view(gallery: GalleryRow, images: Sequence[GalleryImageRow]) -> GalleryView:
    shown = []
    for image in images:
        picture = rules.picture_view(image.upload_id, image.picture, image.alt)
        assert picture is not None, "only a picture that is ready gets into a gallery"
        shown.append(GalleryImageView(id=image.id, caption=image.caption, picture=picture))
    cover = shown[0].picture if shown else None
    return GalleryView(**vars(gallery), image_count=len(shown), cover=cover, images=shown)


def _record(conn: db.Connection, caller: Caller, action: str, gallery: GalleryRow, **facts: Any) -> None:
    audit.record(conn, caller, action, f"gallery {gallery.id}", organisation=gallery.organisation_id, **facts)
