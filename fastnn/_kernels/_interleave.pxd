# Of the phases of a strided gather, see _gather.pyx; phases: each M x rows x TW, phase_size apart.
from ._gather cimport Gather

cdef void interleave(const Gather *q, const float *phases, Py_ssize_t t0,
                     float *out) noexcept nogil
