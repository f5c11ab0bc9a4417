"""Arrays that lie in files: which parts of them are in memory.

The system brings a page of a mapped file in when it is first read, and counts it as
memory of the process for as long as the process does not say that it is done with it.
"""

import mmap

import numpy as np

from chainrule.ir import Array

# No page is smaller. A reader that looks at a byte of each would keep Python from
# running meanwhile: NumPy lets go of it where there are some hundred bytes.
_STRIDE = 1024


def bring(array: Array) -> None:
    """Have a C-contiguous array in memory before it is needed."""
    if array.size:
        array.reshape(-1).view(np.uint8)[::_STRIDE].max()


def forget(array: Array) -> None:
    """Count an array as memory of the process no longer.

    It comes back from the file, or from where the system keeps that, when it is next
    read. Nothing happens where the array is no `numpy.memmap` or a part of one, or
    where that holds changes which the file does not.
    """
    file = _file(array)
    if file is None or not array.size:
        return
    first = array.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data
    # The pages that parts before and behind it share with it go as well: what is needed
    # of them comes back.
    begin = first // mmap.PAGESIZE * mmap.PAGESIZE
    end = -(-(first + array.nbytes) // mmap.PAGESIZE) * mmap.PAGESIZE
    if begin < end:
        file.madvise(mmap.MADV_DONTNEED, begin, end - begin)


def _file(array: Array) -> mmap.mmap | None:
    """The mapped file that an array lies in, if it can be read again."""
    known = isinstance(array, np.ndarray) and hasattr(mmap, "MADV_DONTNEED")
    if not known or not array.flags.c_contiguous:
        return None
    again = False
    owner: object = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap):
            again = owner.mode != "c"
        owner = owner.base
    return owner if again and isinstance(owner, mmap.mmap) else None
