"""What can be wrong with pictures and galleries."""

from boxoffice.errors import DomainError


class PictureNotReady(DomainError):
    code = "picture_not_ready"
    meaning = "There is no picture yet for this upload."
    remedy = "Get the upload until its status is `ready`. If it is `refused`, upload another file."


class GalleryFull(DomainError):
    code = "gallery_full"
    meaning = "The gallery has {most} images, and can have no more."
    remedy = "Remove one, or make another gallery."
    most: int


class ImageThereAlready(DomainError):
    code = "image_there_already"
    meaning = "The gallery has this picture already."
    remedy = "Add another one, or change the order by `images` of the gallery."
    constraint = "gallery_images_once"


class ImagesIncomplete(DomainError):
    status = 422
    code = "images_incomplete"
    meaning = "`images` must name each image of the gallery once, and no other."
    remedy = "Get the gallery, and send its images in the order that you want."
