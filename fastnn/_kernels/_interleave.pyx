"""The outputs of a gather in phases, put together."""
cimport cython
from libc.string cimport memcpy

from ._gather cimport Gather
from ._sizes cimport min_


@cython.cdivision(True)
cdef void interleave(const Gather *q, const float *phases, Py_ssize_t t0,
                     float *out) noexcept nogil:
    """Pixel (t, u) of phase (i, j) to out (t sh + i, u sw + j)."""
    cdef:
        Py_ssize_t i, j, c, t, u, rows
        const Gather *f
        const float *a
        const float *b
        float *row
    for i in range(q.sh):
        f = q + i * q.sw
        rows = min_(f.TH, t0 + q.block_rows) - t0
        for c in range(q.M):
            for t in range(rows):
                row = out + (c * q.out_h + (t0 + t) * q.sh + i) * q.out_w
                if q.sw == 1:
                    a = phases + i * q.phase_size + (c * rows + t) * f.TW
                    memcpy(row, a, f.TW * sizeof(float))
                elif q.sw == 2 and q.out_w > 1:
                    a = phases + 2 * i * q.phase_size + (c * rows + t) * f.TW
                    b = phases + (2 * i + 1) * q.phase_size + (c * rows + t) * f[1].TW
                    q.uk.zip_pairs(f[1].TW, a, b, row)
                    if f.TW > f[1].TW:
                        row[q.out_w - 1] = a[f.TW - 1]
                else:
                    for j in range(min_(q.sw, q.out_w)):
                        a = phases + (i * q.sw + j) * q.phase_size + (c * rows + t) * f[j].TW
                        for u in range(f[j].TW):
                            row[u * q.sw + j] = a[u]
