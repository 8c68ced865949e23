"""Pictures: uploads, what is made of them, and galleries.

`pictures` looks at what came and makes sizes of it, `checking` is the worker that lets it, and `cloudinary` is the other
place where pictures can lie. `galleries` has pictures in an order, with captions.
"""
