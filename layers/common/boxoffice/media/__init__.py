"""Pictures: uploads, what is made of them, and galleries.

`pictures` looks at what came and makes sizes of it, for the worker in `checking`. `cloudinary` is the other place where
pictures can lie. `galleries` shows pictures in an order, with captions.
"""
