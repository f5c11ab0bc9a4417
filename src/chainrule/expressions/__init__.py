"""Functions on values, written in operations, that follow NumPy's conventions.

Here the strict graph gets its implicit broadcasting, promotion and indexing. The
user's `Tensor` and every composite formula (softmax, norms, einsum) stand on these.
"""
