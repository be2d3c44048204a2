"""The one module that decides about threads: how many, when, and what happens at fork().

Every kernel runs its tasks through `parallel_for`, which also flushes denormals while they run (but
for tasks that call `keep_denormals`).  Tasks are cut by shape alone and each writes its own
outputs, so the number of threads never changes a bit.  Idle threads: libgomp's default is to spin
for milliseconds after each region; _kernels/__init__.py shortens that before libgomp is loaded.
A thread that wakes up on the core of another one of its team goes to a free core (`fnn_spread`),
unless the user bound threads (BOUND) or asked for more threads than there are cores.
"""
import os

cimport openmp
from cython.parallel cimport prange
from libc.string cimport memset

cdef extern from *:
    """
    #include <pthread.h>
    #include <sched.h>
    #include <omp.h>
    #if defined(__x86_64__)
    #include <xmmintrin.h>
    /* Flush to zero and denormals are zero: MXCSR bits 15 and 6. */
    static inline unsigned fnn_flush_denormals(void) {
      unsigned old = _mm_getcsr();
      _mm_setcsr(old | 0x8040u);
      return old;
    }
    static inline unsigned fnn_keep_denormals(void) {
      unsigned old = _mm_getcsr();
      _mm_setcsr(old & ~0x8040u);
      return old;
    }
    static inline void fnn_restore_denormals(unsigned old) { _mm_setcsr(old); }
    #elif defined(__aarch64__)
    static inline unsigned fnn_flush_denormals(void) {
      unsigned long old;
      __asm__ volatile("mrs %0, fpcr" : "=r"(old));
      __asm__ volatile("msr fpcr, %0" : : "r"(old | (1ul << 24)));
      return (unsigned)old;
    }
    static inline unsigned fnn_keep_denormals(void) {
      unsigned long old;
      __asm__ volatile("mrs %0, fpcr" : "=r"(old));
      __asm__ volatile("msr fpcr, %0" : : "r"(old & ~(1ul << 24)));
      return (unsigned)old;
    }
    static inline void fnn_restore_denormals(unsigned old) {
      __asm__ volatile("msr fpcr, %0" : : "r"((unsigned long)old));
    }
    #else
    static inline unsigned fnn_flush_denormals(void) { return 0; }
    static inline unsigned fnn_keep_denormals(void) { return 0; }
    static inline void fnn_restore_denormals(unsigned old) { (void)old; }
    #endif

    /* With libgomp a child of fork() hangs in its first parallel region, because the pool's
       threads do not exist there.  Releasing the pool before the fork cures it.  Clang's libomp
       has its own handler. */
    static int fnn_used_threads = 0;

    /* The tasks [next, end) of one thread; 64 bytes apart. */
    typedef struct {
      Py_ssize_t next, end;
      char rest[64 - 2 * sizeof(Py_ssize_t)];
    } fnn_part;
    #define FNN_MAX_PARTS 256 /* the largest number of threads */
    static inline Py_ssize_t fnn_take(fnn_part *part) {
      if (__atomic_load_n(&part->next, __ATOMIC_RELAXED) >= part->end) return -1;
      Py_ssize_t task = __atomic_fetch_add(&part->next, 1, __ATOMIC_RELAXED);
      return task < part->end ? task : -1;
    }

    /* The cores (logical CPUs) that a team's threads are on, a bit each. */
    #define FNN_MAX_CORES 1024
    #define FNN_WORD (8 * (int)sizeof(unsigned long))
    typedef struct {
      unsigned long taken[FNN_MAX_CORES / FNN_WORD];
      int moves;
    } fnn_cores;
    #if defined(__linux__)
    /* Notes this thread's core; whether none of the team was there. */
    static inline int fnn_note_core(fnn_cores *cores) {
      int core = sched_getcpu();
      if (core < 0 || core >= FNN_MAX_CORES) return 1;
      unsigned long bit = 1ul << core % FNN_WORD, *word = &cores->taken[core / FNN_WORD];
      return !(__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit);
    }
    /* The same, and a thread that comes second goes to a core on which none of the team is.
       Linux wakes a thread on its waker's core if no other looks idle, and in a virtual machine a
       core that has slept does not (vcpu_is_preempted); both threads then share one core until the
       load is balanced, up to 40 ms later. */
    static inline void fnn_spread(fnn_cores *cores) {
      cpu_set_t allowed, rest;
      if (fnn_note_core(cores) || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
      rest = allowed;
      for (int core = 0; core < FNN_MAX_CORES; core++) {
        unsigned long word = __atomic_load_n(&cores->taken[core / FNN_WORD], __ATOMIC_RELAXED);
        if (word >> core % FNN_WORD & 1) CPU_CLR(core, &rest);
      }
      if (CPU_COUNT(&rest) == 0) return;
      if (sched_setaffinity(0, sizeof rest, &rest) != 0) return; /* moves the thread at once */
      fnn_note_core(cores);
      sched_setaffinity(0, sizeof allowed, &allowed);
      __atomic_fetch_add(&cores->moves, 1, __ATOMIC_RELAXED);
    }
    static int fnn_count_cores(const fnn_cores *cores) {
      int count = 0;
      for (int i = 0; i < FNN_MAX_CORES / FNN_WORD; i++)
        count += __builtin_popcountl(cores->taken[i]);
      return count;
    }
    #else
    static inline int fnn_note_core(fnn_cores *cores) { (void)cores; return 1; }
    static inline void fnn_spread(fnn_cores *cores) { (void)cores; }
    static int fnn_count_cores(const fnn_cores *cores) { (void)cores; return 0; }
    #endif

    static void fnn_before_fork(void) {
    #if !defined(__clang__) && __GNUC__ >= 9 /* has it, though _OPENMP still says 4.5 */
      if (fnn_used_threads) omp_pause_resource_all(omp_pause_hard);
    #endif
    }
    static int fnn_install_fork_handler(void) {
      return pthread_atfork(fnn_before_fork, NULL, NULL);
    }
    #if defined(__clang__)
    #define FNN_OPENMP_RUNTIME "libomp"
    #else
    #define FNN_OPENMP_RUNTIME "libgomp"
    #endif
    """
    unsigned fnn_flush_denormals() noexcept nogil
    unsigned fnn_keep_denormals() noexcept nogil
    void fnn_restore_denormals(unsigned old) noexcept nogil
    int fnn_install_fork_handler() noexcept nogil
    int fnn_used_threads
    ctypedef struct fnn_part:
        Py_ssize_t next, end
    Py_ssize_t fnn_take(fnn_part *part) noexcept nogil
    ctypedef struct fnn_cores:
        int moves
    int fnn_note_core(fnn_cores *cores) noexcept nogil
    void fnn_spread(fnn_cores *cores) noexcept nogil
    int fnn_count_cores(const fnn_cores *cores) noexcept nogil
    enum:
        MAX_PARTS "FNN_MAX_PARTS"
    const char *FNN_OPENMP_RUNTIME
    const int FNN_OPENMP_VERSION "_OPENMP"

cdef int max_threads = 1
cdef int LIMIT = MAX_PARTS
cdef str reason = ""
cdef int spreads = 0      # the largest team whose threads are to have a core each
cdef bint watched = False  # see watch_cores
cdef fnn_cores seen
BOUND = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")

# A region of two threads costs 2-5 us to open and close (pytest bench -k region): below this much
# work for each thread, about 10 us at half of the FMA peak, the caller's thread is faster alone.
cdef double FLOPS_PER_THREAD = 5e5


cdef int threads_for(double flops) noexcept nogil:
    """Threads for so much work: at least 1, at most the limit in force."""
    cdef double wanted = flops / FLOPS_PER_THREAD
    if wanted < 2.0 or max_threads == 1:
        return 1
    return max_threads if wanted > max_threads else <int>wanted


cdef void parallel_for(task_fn fn, void *ctx, Py_ssize_t n_tasks, int n_threads) noexcept nogil:
    """Thread t begins with the t-th part of the tasks, so that from layer to layer an image stays
    in the cache of one core; who is done takes tasks from the others' parts."""
    global fnn_used_threads, seen
    cdef Py_ssize_t task
    cdef unsigned saved
    cdef fnn_part parts[MAX_PARTS]
    cdef fnn_cores cores
    cdef int slot
    if n_threads > n_tasks:
        n_threads = <int>n_tasks
    if n_threads > MAX_PARTS:
        n_threads = MAX_PARTS
    if n_threads <= 1:
        saved = fnn_flush_denormals()
        for task in range(n_tasks):
            fn(ctx, task, 0)
        fnn_restore_denormals(saved)
        return
    fnn_used_threads = 1
    for slot in range(n_threads):
        parts[slot].next = slot * n_tasks // n_threads
        parts[slot].end = (slot + 1) * n_tasks // n_threads
    memset(&cores, 0, sizeof(cores))
    if n_threads <= spreads:
        fnn_note_core(&cores)
    for slot in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads):
        _work(fn, ctx, parts, &cores, n_threads, slot)
    if watched:
        seen = cores


cdef unsigned keep_denormals() noexcept nogil:
    return fnn_keep_denormals()


cdef void restore_denormals(unsigned saved) noexcept nogil:
    fnn_restore_denormals(saved)


cdef void _work(task_fn fn, void *ctx, fnn_part *parts, fnn_cores *cores, int n_threads,
                int slot) noexcept nogil:
    cdef unsigned saved = fnn_flush_denormals()
    cdef Py_ssize_t task
    cdef int k
    if 0 < slot == openmp.omp_get_thread_num() and n_threads <= spreads:
        fnn_spread(cores)  # where OpenMP gives fewer threads, one has the slots of others, too
    for k in range(n_threads):
        task = fnn_take(&parts[(slot + k) % n_threads])
        while task >= 0:
            fn(ctx, task, slot)
            task = fnn_take(&parts[(slot + k) % n_threads])
    fnn_restore_denormals(saved)


def watch_cores(bint on):
    """For tests: whether the next regions are watched; (cores on which the threads of the last one
    came to be, threads that moved), zeros if there was none."""
    global watched, seen
    result = fnn_count_cores(&seen), seen.moves
    watched = on
    memset(&seen, 0, sizeof(seen))
    return result


def spread_twice():
    """For tests: come as the first and as the second thread of a team; how often this thread
    moved."""
    cdef fnn_cores cores
    memset(&cores, 0, sizeof(cores))
    fnn_note_core(&cores)
    fnn_spread(&cores)
    return cores.moves


def _cgroup_quota():
    """CPUs that the control group grants, or None (cgroup v2, then v1)."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as f:
            quota, period = f.read().split()[:2]
        return None if quota == "max" else float(quota) / float(period)
    except (OSError, ValueError):
        pass
    try:
        with open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") as f:
            quota = float(f.read())
        with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us") as f:
            period = float(f.read())
        return quota / period if quota > 0 else None
    except (OSError, ValueError):
        return None


def _start():
    global max_threads, reason, spreads
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    spreads = 0 if any(os.environ.get(variable) for variable in BOUND) else cores
    for variable in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(variable, "")
        if not text:
            continue
        first = text.split(",")[0].strip()  # OMP_NUM_THREADS may list one number per nesting level
        if first.isascii() and first.isdecimal() and 1 <= int(first) <= LIMIT:
            max_threads, reason = int(first), f"{variable}={text}"
            return
        if variable == "FASTNN_NUM_THREADS":
            raise ImportError(f"environment variable FASTNN_NUM_THREADS={text!r} is not a number "
                              f"of threads; choose an integer from 1 to {LIMIT}")
    reason = f"{cores} cores in this process's affinity mask"
    quota = _cgroup_quota()
    if quota is not None and quota < cores:
        cores = max(1, round(quota))
        reason = f"control group quota of {quota:g} CPUs"
    max_threads = min(cores, LIMIT)


def get_num_threads():
    """Largest number of threads that a kernel may use."""
    return max_threads


def set_num_threads(n):
    """Let kernels use at most n threads, 1 <= n <= 256.  Results do not depend on it.

    Raises TypeError if n is not an integer and ValueError if it is out of range.
    """
    global max_threads, reason
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"set_num_threads: n must be an integer, got {type(n).__name__}")
    n = n.__index__()
    if not 1 <= n <= LIMIT:
        raise ValueError(f"set_num_threads: n must be from 1 to {LIMIT}, got {n}")
    max_threads, reason = n, "set_num_threads"


def threads_info():
    """Number of threads, why, and the OpenMP runtime: {"threads", "reason", "openmp", "limit"}."""
    return {"threads": max_threads, "reason": reason, "limit": LIMIT,
            "openmp": f"{FNN_OPENMP_RUNTIME.decode()} (OpenMP {FNN_OPENMP_VERSION})",
            "openmp_in_parallel": bool(openmp.omp_in_parallel())}


if fnn_install_fork_handler() != 0:
    raise ImportError("could not install the fork handler (pthread_atfork failed)")
_start()
