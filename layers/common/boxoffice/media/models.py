"""Uploads, pictures and galleries: as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Id, Page, Patch, Request, ShortText, Text, View, unchanged

type Storage = Literal["s3", "cloudinary"]
type UploadStatus = Literal["pending", "ready", "refused"]
type ContentType = Literal["image/jpeg", "image/png", "image/webp"]
type Refusal = Literal["absent", "too_long", "unknown_format", "too_small", "too_many_pixels", "damaged"]
"""Why an upload was refused, for programs. `REFUSALS` has the words."""

MOST_BYTES = 20_000_000
MOST_IMAGES = 100
"""In a gallery. The schema has it too."""

REFUSALS: dict[Refusal, str] = {
    "absent": "Nothing was uploaded. Ask for another upload.",
    "too_long": "The file is longer than the request said. Ask for another upload, with its size.",
    "unknown_format": "The file is no JPEG, PNG or WebP. Save the picture as one of these.",
    "too_small": "The picture has less than 32 pixels on a side. Upload a larger one.",
    "too_many_pixels": "The picture has more than 50 million pixels, or 16,000 on a side. Make it smaller.",
    "damaged": "The file ends too early or is damaged. Save the picture again.",
}

PictureId = Annotated[Id, Field(description="The id of an upload that is ready, of the same organisation")]
Alt = Annotated[
    Text,
    Field(max_length=300, description="What the picture shows, for people who do not see it", examples=["Ada sings"]),
]
Caption = Annotated[Text, Field(max_length=500, description="Shown below the picture")]


class UploadRequest(Request):
    organisation_id: Id
    content_type: ContentType
    size: Annotated[
        int, Field(strict=True, ge=1, le=MOST_BYTES, description="Of the file, in bytes", examples=[345678])
    ]


class UploadFormView(View):
    """A form that uploads one file. Send its fields as `multipart/form-data`, and the file as the last field."""

    url: str = Field(description="Where the form is sent, by POST")
    fields: dict[str, str] = Field(description="Send all of them as they are")
    file_field: Literal["file"] = Field(description="The name of the last field, which is the file")
    expires_at: datetime


class PictureSize(View):
    width: int
    height: int
    webp: str = Field(description="The URL of it as WebP, for browsers")
    jpeg: str = Field(description="The URL of it as JPEG, for emails and old browsers")


class PictureView(View):
    """A picture in several sizes. What lies at their URLs never changes."""

    id: Id = Field(description="The id of its upload")
    alt: str
    width: int = Field(description="Of the largest size")
    height: int
    color: str | None = Field(description="Its average colour, to show until it is there", examples=["#8a6d3b"])
    url: str = Field(description="A JPEG of at most 1280 pixels in width, where one URL must do")
    sizes: list[PictureSize] = Field(description="The smallest first")


class RefusalView(View):
    code: Refusal
    detail: str = Field(description="What was wrong and what to do, for people")


class UploadView(View):
    id: Id
    organisation_id: Id
    status: UploadStatus = Field(description="pending until somebody has looked at what came, then ready or refused")
    refusal: RefusalView | None = Field(description="Why it was refused")
    picture: PictureView | None = Field(description="What was made of it")
    created_at: datetime


class NewUploadView(UploadView):
    form: UploadFormView


class GalleryRequest(Request):
    organisation_id: Id
    title: ShortText
    description: Text = ""
    event_id: Id | None = Field(default=None, description="The event that it shows pictures of")
    is_published: bool = Field(default=False, strict=True, description="True if everybody sees it")


class ImagePatch(Request):
    id: Id
    caption: Caption | None = Field(default=None, description="Leave it out to keep the one that it has")
    alt: Alt | None = Field(default=None, description="Leave it out to keep the one that it has")


class GalleryPatch(Patch):
    title: ShortText = unchanged()
    description: Text = unchanged()
    event_id: Id | None = unchanged()
    is_published: Annotated[bool, Field(strict=True)] = unchanged()
    images: Annotated[
        list[ImagePatch],
        Field(max_length=MOST_IMAGES, description="All images of the gallery, each once, in their new order"),
    ] = unchanged()


class GalleryImageRequest(Request):
    upload_id: PictureId
    caption: Caption = ""
    alt: Alt = ""


class GalleryImageView(View):
    id: Id
    caption: str
    picture: PictureView


class GallerySummary(View):
    id: Id
    organisation_id: Id
    event_id: Id | None
    title: str
    description: str
    is_published: bool
    image_count: int
    cover: PictureView | None = Field(description="The first image")
    version: int
    created_at: datetime


class GalleryView(GallerySummary):
    images: list[GalleryImageView] = Field(description="In their order")


class GalleryPage(Page[GallerySummary]):
    """A page of galleries, newest first."""


@dataclass(frozen=True)
class Picture:
    """A picture as the column `picture` of an upload has it.

    Attributes:
        path: where its files are, without the width and the format.
        cloud: the account at Cloudinary where it lies; None if it is in our own bucket.
        sizes: width and height of each, the smallest first.
    """

    path: str
    sizes: list[list[int]]
    color: str | None = None
    cloud: str | None = None


@dataclass(frozen=True)
class UploadRow:
    id: UUID
    organisation_id: UUID
    storage: Storage
    status: str
    size: int
    refusal: Refusal | None
    picture: dict[str, Any] | None
    created_at: datetime
    due_at: datetime | None


@dataclass(frozen=True)
class BareGallery:
    id: UUID
    organisation_id: UUID
    event_id: UUID | None
    title: str
    description: str
    is_published: bool
    version: int
    created_at: datetime


@dataclass(frozen=True)
class GalleryRow(BareGallery):
    """A gallery, with the status of its organisation."""

    organisation_status: str


@dataclass(frozen=True)
class ListedGallery(BareGallery):
    """A gallery in a list, with its first image."""

    image_count: int
    cover_id: UUID | None
    cover_alt: str | None
    cover_picture: dict[str, Any] | None


@dataclass(frozen=True)
class GalleryImageRow:
    id: UUID
    upload_id: UUID
    position: int
    caption: str
    alt: str
    picture: dict[str, Any]
