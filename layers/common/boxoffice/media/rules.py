"""What follows from uploads and pictures: where files lie, what is shown of them, and when somebody looks again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from boxoffice.config import settings
from boxoffice.media.errors import GalleryFull, ImagesIncomplete
from boxoffice.media.models import (
    MOST_IMAGES,
    REFUSALS,
    GalleryImageRow,
    ImagePatch,
    Picture,
    PictureSize,
    PictureView,
    RefusalView,
    UploadRow,
)

FORM_LIFETIME = timedelta(minutes=15)
FIRST_LOOK = {"s3": timedelta(minutes=2), "cloudinary": timedelta(0)}
"""After this time the job looks at an upload. S3 tells us of one before, and Cloudinary does not."""
NEXT_LOOK = {"s3": timedelta(minutes=5), "cloudinary": timedelta(0)}
NOTHING_COMES = timedelta(hours=1)
"""After this time nothing can come any more: the form has ended, and so has an upload that began before."""
UNUSED = timedelta(days=1)
"""After this time an upload is removed if nothing shows it."""
MOST_TRIES = 5
"""How often somebody begins to make a picture of an upload. One that ends each try is damaged."""

WIDTHS = (320, 640, 1280, 1920)
URL_WIDTH = 1280  # of the picture that stands for all sizes
_CLOUDINARY = "https://res.cloudinary.com"


def upload_key(upload_id: UUID) -> str:
    """Return where an upload lies in the bucket until it is checked."""
    return f"uploads/{upload_id}"


def picture_path(upload_id: UUID, digest: str) -> str:
    """Return where the files of a picture lie in the bucket, without the width and the format."""
    return f"pictures/{upload_id}/{digest}"


def file_keys(picture: Picture) -> list[str]:
    """Return the keys of all files of a picture in the bucket."""
    return [f"{picture.path}-{width}.{kind}" for width, _ in picture.sizes for kind in ("webp", "jpg")]


def sizes_of(width: int, height: int) -> list[tuple[int, int]]:
    """Return the sizes that are made of a picture, the smallest first: none is larger than the picture itself."""
    widths = [*(each for each in WIDTHS if each < width), *([width] if width <= WIDTHS[-1] else [])]
    return [(each, max(1, round(height * each / width))) for each in widths]


def overdue(upload: UploadRow, now: datetime) -> bool:
    """Return True if nothing can come any more for an upload."""
    return now - upload.created_at > NOTHING_COMES


def refusal_view(upload: UploadRow) -> RefusalView | None:
    """Return why an upload was refused, as shown."""
    return RefusalView(code=upload.refusal, detail=REFUSALS[upload.refusal]) if upload.refusal else None


def picture_view(upload_id: UUID | None, stored: dict[str, Any] | None, alt: str = "") -> PictureView | None:
    """Return a picture as shown, or None if there is none.

    Args:
        stored: the column `picture` of its upload.
    """
    if upload_id is None or stored is None:
        return None
    picture = Picture(**stored)
    sizes = [
        PictureSize(width=width, height=height, webp=_url(picture, width, "webp"), jpeg=_url(picture, width, "jpg"))
        for width, height in picture.sizes
    ]
    whole = next((size for size in reversed(sizes) if size.width <= URL_WIDTH), sizes[0])
    largest = sizes[-1]
    return PictureView(
        id=upload_id,
        alt=alt,
        width=largest.width,
        height=largest.height,
        color=picture.color,
        url=whole.jpeg,
        sizes=sizes,
    )


def _url(picture: Picture, width: int, kind: str) -> str:
    if picture.cloud:
        return f"{_CLOUDINARY}/{picture.cloud}/image/upload/c_limit,f_{kind},w_{width}/{picture.path}.{kind}"
    return f"{settings().pictures_url}/{picture.path}-{width}.{kind}"


def check_room(images: Sequence[GalleryImageRow]) -> None:
    """Check that a gallery can have one image more.

    Raises:
        GalleryFull: it cannot.
    """
    if len(images) >= MOST_IMAGES:
        raise GalleryFull(most=MOST_IMAGES)


def ordered(images: Sequence[GalleryImageRow], patches: Sequence[ImagePatch]) -> list[dict[str, Any]]:
    """Return the columns of a gallery's images in their new order.

    Raises:
        ImagesIncomplete: an image is missing, there twice, or none of the gallery's.
    """
    by_id = {image.id: image for image in images}
    if len(patches) != len(images) or {patch.id for patch in patches} != by_id.keys():
        raise ImagesIncomplete
    return [
        {
            "id": patch.id,
            "position": position,
            "caption": by_id[patch.id].caption if patch.caption is None else patch.caption,
            "alt": by_id[patch.id].alt if patch.alt is None else patch.alt,
        }
        for position, patch in enumerate(patches, 1)
    ]
