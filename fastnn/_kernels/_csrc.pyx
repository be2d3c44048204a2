"""The CPU level in force.  The only extension that links csrc; the others get its table here."""
import os

from cpython.version cimport PY_VERSION_HEX


cdef extern from "fastnn.h" nogil:
    ctypedef struct fnn_level:
        int (*runs_here)() noexcept nogil
        const fnn_ukernels *table
    const fnn_level *fnn_levels
    const fnn_ukernels *fnn_ukernels_find(const char *name)

cdef extern from *:
    """
    #if defined(__clang__)
    #define FNN_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define FNN_COMPILER "gcc " __VERSION__
    #else
    #define FNN_COMPILER "unknown"
    #endif
    /* Name and address of every micro-kernel of a level: tests/test_ukernels.py calls them. */
    static const char *const fnn_names[] = {
    #define X(ret, name, sig) #name,
    #include "ukernels.def"
    #undef X
    };
    static const size_t fnn_offsets[] = {
    #define X(ret, name, sig) offsetof(fnn_ukernels, name),
    #include "ukernels.def"
    #undef X
    };
    #define FNN_N_UKERNELS (sizeof fnn_names / sizeof *fnn_names)
    static size_t fnn_address(const fnn_ukernels *table, size_t i) {
      return *(const size_t *)((const char *)table + fnn_offsets[i]);
    }
    """
    const char *fnn_names[]
    const size_t FNN_N_UKERNELS
    size_t fnn_address(const fnn_ukernels *table, size_t i) noexcept nogil
    const char *FNN_COMPILER
    const int CYTHON_HEX "CYTHON_HEX_VERSION"

cdef const fnn_ukernels *current = NULL
cdef const fnn_ukernels *narrow = NULL


cdef const fnn_ukernels *ukernels() noexcept nogil:
    return current


cdef const fnn_ukernels *narrow_ukernels() noexcept nogil:
    return narrow


def compiled_isas():
    """Names of the CPU levels in this build, best first."""
    names = []
    cdef int i = 0
    while fnn_levels[i].table != NULL:
        names.append(fnn_levels[i].table.isa.decode())
        i += 1
    return names


def available_isas():
    """Names of the CPU levels of this build that this machine can run, best first."""
    return [name for name in compiled_isas() if fnn_ukernels_find(name.encode()) != NULL]


def isa_name():
    """Name of the CPU level in force."""
    return current.isa.decode()


def block_sizes():
    """Register tile and cache blocks of the level in force: {"mr", "nr", "mc", "kc", "nc", ...}."""
    return {"lanes": current.lanes, "mr": current.mr, "nr": current.nr, "mc": current.mc,
            "kc": current.kc, "nc": current.nc, "mr_narrow": current.mr_narrow}


def force_isa(name):
    """Switch the whole process to another CPU level; returns the previous name (for tests)."""
    global current, narrow
    previous = isa_name() if current != NULL else None
    cdef const fnn_ukernels *table = fnn_ukernels_find(name.encode())
    if table == NULL:
        raise ValueError(f"CPU level {name!r} cannot run here; choose one of {available_isas()}")
    current = narrow = table
    if table.lanes > 8 and fnn_ukernels_find("x86_v3") != NULL:
        narrow = fnn_ukernels_find("x86_v3")
    return previous


def ukernel_addresses():
    """{name: address} of the micro-kernels in force (for tests, through ctypes)."""
    return {fnn_names[i].decode(): fnn_address(current, i) for i in range(FNN_N_UKERNELS)}


def build_info():
    """Compiler, Cython and Python that this build was made with."""
    return {"compiler": FNN_COMPILER.decode(),
            "cython": f"{CYTHON_HEX >> 24}.{(CYTHON_HEX >> 16) & 255}",
            "python": f"{PY_VERSION_HEX >> 24}.{(PY_VERSION_HEX >> 16) & 255}",
            "levels": compiled_isas()}


def _start():
    wanted = os.environ.get("FASTNN_ISA", "")
    if not wanted:
        force_isa(available_isas()[0])
        return
    if wanted not in available_isas():
        state = ("is not one of this build's levels" if wanted not in compiled_isas()
                 else "cannot run on this CPU")
        raise ImportError(f"environment variable FASTNN_ISA={wanted!r} {state}; "
                          f"choose one of {', '.join(available_isas())}")
    force_isa(wanted)


_start()
