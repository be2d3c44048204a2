# A recurrent layer, its directions and their steps; see _rnn.pyx.
from numpy cimport int64_t, ndarray

from ._array cimport Buffer
from ._csrc cimport fnn_ukernels
from ._threads cimport task_fn

cdef enum Mode:
    RNN_TANH, RNN_RELU, LSTM, GRU

cdef enum:
    IN_L2 = 262144             # floats of packed weights that stay in L2 beside a step's rows

# Element (t, n) of an array of steps is row t * step + n * row.
cdef struct Steps:
    float *data
    Py_ssize_t step, row

cdef struct Direction:
    const fnn_ukernels *uk
    int mode
    bint reverse
    Py_ssize_t T, N, n_in, H, P  # steps, batch, inputs, units, outputs
    Py_ssize_t width           # floats a step of gates holds
    const int64_t *lengths
    Steps x, gates, h_prev, c, m, y, dy, dgates, dh
    const float *h0
    const float *c0
    const float *zeros         # as many as a row of states
    float *h_n
    float *c_n
    const float *packed_ih     # weight_ih for the step's product, or NULL: done for all steps
    const float *bias          # (G H,) of that product
    const float *packed_hh     # weight_hh for the step's product
    const float *packed_hr
    const float *bias_n        # GRU: bias_hh of the candidate, or NULL
    const float *dh_n
    const float *dc_n
    float *carry               # (N, P): the gradient of h that a step hands to the one before
    float *dm                  # (N, H) with a projection
    float *dc                  # (N, H)
    float *dh0

cdef struct Layer:
    Direction ds[2]
    int mode
    bint swap                  # batch first
    Py_ssize_t D, T, N, n_in, H, P  # n_in: I, a macro in C
    Py_ssize_t G, W            # gates, floats that a step of them holds
    Py_ssize_t blocks, rows    # tasks of a direction, rows of a task
    Py_ssize_t parts, s        # by steps: tasks of a product, the step in turn

cdef int mode_of(object name) except -1
# Sizes and what both passes know of each direction, checked. Returns what `zeros` points to.
cdef Buffer set_up(Layer *layer, object mode, object x, object weights, object lengths,
                   object batch_first)
# Rows of all directions through all steps: fn(layer, task, slot), see `rows_of`.  With weights
# beyond L2 all threads go step by step through `first` and then `second`, of which one has tasks of
# rows (the first, if by_rows) and the other of columns: each thread reads its own columns only.
cdef void run(Layer *layer, task_fn fn, task_fn first, task_fn second, bint by_rows) noexcept
cdef Direction *rows_of(Layer *layer, Py_ssize_t task, Py_ssize_t *first,
                        Py_ssize_t *last) noexcept nogil
cdef void place(Steps *s, float *data, Py_ssize_t width, Py_ssize_t T, Py_ssize_t N,
                bint swap) noexcept
# Direction i's part of states (count, N, width), or NULL.
cdef float *state_of(object a, Py_ssize_t i, Py_ssize_t count, Py_ssize_t N, Py_ssize_t width,
                     str name) except? NULL
cdef ndarray empty3(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c)
# to (n,) = x, or zeros for NULL.
cdef void copy_or_zero(Py_ssize_t n, const float *x, float *to) noexcept nogil
cdef const float *c_before(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil
cdef Py_ssize_t gates_of(int mode) noexcept nogil
cdef float *at(const Steps *s, Py_ssize_t t, Py_ssize_t n) noexcept nogil
cdef bint runs(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil
cdef bint is_first(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil
cdef bint is_last(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil
# Rows first..last of the batch that step t has to reckon with, counted from first.
cdef Py_ssize_t rows_at(const Direction *d, Py_ssize_t t, Py_ssize_t first,
                        Py_ssize_t last) noexcept nogil
