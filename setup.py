"""Build of fastnn: csrc once per CPU level, one extension per fastnn/_kernels/*.pyx.

Each level has a wrapper .c of its own in csrc/level/.  One source under several `libraries` would
be compiled once, and the AVX-512 archive would silently hold the baseline's object.
"""

import glob
import os
import platform
import sys
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTNN_DEBUG", "") not in ("", "0")
EMULATE_V4 = os.environ.get("FASTNN_DEBUG", "") == "emulate-x86_v4"  # tests of x86_v4's bits
X86 = platform.machine().lower() in ("x86_64", "amd64")

# No -march=native and no -ffast-math: one wheel for every CPU, and NaN and infinity are results.
# -fno-math-errno lets sqrtf be one instruction; contraction would fuse where nobody wrote FMA.
C_FLAGS = ["-std=c11", "-O3", "-fno-math-errno", "-ffp-contract=off", "-fvisibility=hidden"]
C_FLAGS += ["-falign-loops=64"]  # a tile's loop that straddles lines loses 5 %
C_FLAGS += ["-fPIC", "-Wall", "-Wextra", "-Wno-unused-function"]
C_FLAGS += ["-UNDEBUG"] if DEBUG else ["-DNDEBUG"]
if os.environ.get("CI"):
    C_FLAGS.append("-Werror")
V3_FLAGS = ["-mavx2", "-mfma"]
V4_FLAGS = [*V3_FLAGS, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
V4_FLAGS.append("-mprefer-vector-width=512")
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
LEVELS = {"generic": []}
if X86:
    LEVELS |= {"x86_v3": V3_FLAGS, "x86_v4": V4_FLAGS}
    if EMULATE_V4:
        LEVELS["x86_v4"] = [*V3_FLAGS, "-DFNN_SIMDE"]

HEADERS = sorted(glob.glob("csrc/**/*.h", recursive=True)) + ["csrc/ukernels.def"]
MACROS = [("FNN_EMULATE_V4", "1")] if EMULATE_V4 else []
LIBRARIES = [
    (
        f"fnn_{name}",
        {
            "sources": [f"csrc/level/{name}.c"],
            "cflags": [*C_FLAGS, *flags],
            "obj_deps": {"": HEADERS},
        },
    )
    for name, flags in LEVELS.items()
] + [
    (
        "fnn_dispatch",
        {
            "sources": ["csrc/dispatch.c"],
            "cflags": C_FLAGS,
            "macros": MACROS,
            "obj_deps": {"": HEADERS},
        },
    )
]

# The tape, in pure Python mode with C fields in a .pxd, and frozen networks: a tiny network is
# mostly their overhead.
COMPILED = ["fastnn/tensor.py", "fastnn/engine.py", "fastnn/frozen/program.pyx"]

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": True,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
}

OPENMP_HELP = """
fastnn needs a C compiler with OpenMP, and the test program did not build:

{reason}

Install one of:
  Debian, Ubuntu:  apt-get install gcc python3-dev        (clang: also libomp-dev)
  Fedora, RHEL:    dnf install gcc python3-devel
  Alpine:          apk add build-base python3-dev
  macOS:           brew install libomp llvm, then CC=$(brew --prefix llvm)/bin/clang
"""

PROBE = """
#include <Python.h>
#include <omp.h>
int fnn_probe(void) {
  int n = 0;
#pragma omp parallel reduction(+ : n)
  n += omp_get_num_threads();
  return n;
}
"""


def check_compiler(command):
    """End with a message that says what to install, before a page of compiler output."""
    compiler = command.compiler
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "probe.c")
        with open(source, "w") as f:
            f.write(PROBE)
        ours, compiler.libraries = compiler.libraries, []
        try:
            objects = compiler.compile([source], output_dir="/", extra_postargs=["-fopenmp"])
            probe = os.path.join(folder, "probe.so")
            compiler.link_shared_object(objects, probe, extra_postargs=["-fopenmp"])
        except Exception as error:
            sys.exit(OPENMP_HELP.format(reason=f"{type(error).__name__}: {error}"))
        finally:
            compiler.libraries = ours


class BuildLevels(build_clib):
    def build_libraries(self, libraries):
        from sysconfig import get_path

        self.compiler.add_include_dir(get_path("include"))
        check_compiler(self)
        self.include_dirs = [*(self.include_dirs or []), "csrc"]
        super().build_libraries(libraries)


class BuildKernels(build_ext):
    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or WORKERS

    def build_extensions(self):
        check_compiler(self)
        super().build_extensions()


def extensions():
    import numpy
    from Cython.Build import cythonize

    link = ["-fopenmp"] + ([] if DEBUG else ["-s"])
    found = []
    for path in [*sorted(glob.glob("fastnn/_kernels/*.pyx")), *COMPILED]:
        name = os.path.splitext(path)[0].replace("/", ".")
        is_kernel = path not in COMPILED
        found.append(
            Extension(
                name,
                [path],
                include_dirs=["csrc", numpy.get_include()],
                define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
                # only _csrc links the levels: a table per extension would be a table too many
                libraries=[n for n, _ in LIBRARIES] if name.endswith("._csrc") else [],
                extra_compile_args=["-O2", "-ffp-contract=off"]
                + (["-fopenmp"] if is_kernel else []),
                extra_link_args=link if is_kernel else link[1:],
                depends=HEADERS if is_kernel else [],
            )
        )
    return cythonize(
        found,
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
        annotate=DEBUG,
        # where processes are not forked, each would run this file from the top
        nthreads=WORKERS if sys.platform == "linux" else 0,
    )


setup(
    libraries=LIBRARIES,
    ext_modules=extensions() if {"clean", "egg_info"}.isdisjoint(sys.argv) else [],
    cmdclass={"build_clib": BuildLevels, "build_ext": BuildKernels},
)
