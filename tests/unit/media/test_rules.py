"""Where files lie, and what is shown of a picture."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from boxoffice import config
from boxoffice.media import rules
from boxoffice.media.errors import GalleryFull, ImagesIncomplete
from boxoffice.media.models import GalleryImageRow, ImagePatch, Picture

UPLOAD = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b020")
OURS = {"path": f"pictures/{UPLOAD}/ab12", "sizes": [[320, 160], [640, 320], [1280, 640], [1920, 960]], "color": "#fff"}
THEIRS = {"path": "v1712/boxoffice-x", "sizes": [[320, 160], [500, 250]], "cloud": "demo"}


def image(position: int, caption: str = "", alt: str = "") -> GalleryImageRow:
    return GalleryImageRow(uuid4(), uuid4(), position, caption, alt, OURS)


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("EMAIL_QUEUE_URL", "")
    config.settings.cache_clear()
    yield
    config.settings.cache_clear()


def test_a_picture_in_our_bucket_has_urls_of_its_files() -> None:
    shown = rules.picture_view(UPLOAD, OURS, "A stage")

    assert shown is not None
    base = f"https://pictures.example.com/pictures/{UPLOAD}/ab12"
    assert (shown.id, shown.alt, shown.width, shown.height, shown.color) == (UPLOAD, "A stage", 1920, 960, "#fff")
    assert shown.url == f"{base}-1280.jpg"
    assert [(size.width, size.webp, size.jpeg) for size in shown.sizes] == [
        (width, f"{base}-{width}.webp", f"{base}-{width}.jpg") for width in (320, 640, 1280, 1920)
    ]
    files = [f"{base}-{width}.{kind}" for width in (320, 640, 1280, 1920) for kind in ("webp", "jpg")]
    assert files == [f"https://pictures.example.com/{key}" for key in rules.file_keys(Picture(**OURS))]


def test_a_picture_at_cloudinary_has_urls_that_make_its_sizes() -> None:
    """https://cloudinary.com/documentation/image_transformations#transformation_url_structure"""
    shown = rules.picture_view(UPLOAD, THEIRS)

    assert shown is not None
    base = "https://res.cloudinary.com/demo/image/upload"
    assert shown.sizes[0].webp == f"{base}/c_limit,f_webp,w_320/v1712/boxoffice-x.webp"
    assert shown.url == shown.sizes[1].jpeg == f"{base}/c_limit,f_jpg,w_500/v1712/boxoffice-x.jpg"
    assert (shown.width, shown.height, shown.color) == (500, 250, None)


def test_without_a_picture_nothing_is_shown() -> None:
    assert rules.picture_view(None, None) is None
    assert rules.picture_view(UPLOAD, None) is None


def test_the_order_is_that_of_the_request_and_what_it_leaves_out_stays() -> None:
    first, second = image(1, "one", "alt one"), image(2, "two", "alt two")

    columns = rules.ordered([first, second], [ImagePatch(id=second.id), ImagePatch(id=first.id, caption="", alt="x")])

    assert columns == [
        {"id": second.id, "position": 1, "caption": "two", "alt": "alt two"},
        {"id": first.id, "position": 2, "caption": "", "alt": "x"},
    ]


def test_each_image_is_named_once() -> None:
    first, second = image(1), image(2)

    for ids in ([first.id], [first.id, first.id], [first.id, uuid4()], [first.id, second.id, uuid4()], []):
        with pytest.raises(ImagesIncomplete):
            rules.ordered([first, second], [ImagePatch(id=each) for each in ids])


def test_a_gallery_has_a_hundred_images() -> None:
    rules.check_room([image(number) for number in range(99)])
    with pytest.raises(GalleryFull):
        rules.check_room([image(number) for number in range(100)])
