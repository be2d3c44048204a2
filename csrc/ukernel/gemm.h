/* ukernel/gemm.h - the SGEMM tile and the loop over tiles of one cache block.
 *
 * The tile follows Goto & van de Geijn 2008 (doi:10.1145/1356052.1356053) and Van Zee &
 * van de Geijn 2015 (BLIS, doi:10.1145/2764454): C stays in registers while one column of A and
 * one row of B pass by.  One always-inline body; MR, NV (vectors a row) and the addressing modes
 * are constants, so each combination becomes its own straight loop.  Needs GEMM_MR (rows of the
 * full tile) and GEMM_MR_NARROW (rows of a tile one vector wide) from level/.
 *
 * Every loop over accumulators carries an unroll pragma: one that is left rolled makes the
 * compiler keep the whole tile in memory (gcc 12: 30 instead of 100 GFLOP/s). */
#include <assert.h>

/* A_AHEAD is packed and A_STREAM strided; both bring the next B. */
enum { A_PACKED, A_AHEAD, A_STRIDED, A_STREAM, A_TABLE, A_RUN };
enum { B_STRIDED, B_TABLE };
enum { LINE = 16 }; /* floats of a cache line */

/* C = act(acc + bias) of a finished tile. */
FNN_INLINE void finish_tile(const int MR, const int NV, vf32 (*acc)[2], float *c, ptrdiff_t c_row,
                            size_t tail, const float *bias_row, const float *bias_col, int relu) {
  if (bias_row) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      vf32 v = vf32_broadcast(bias_row + i);
      acc[i][0] = vf32_add(acc[i][0], v);
      if (NV == 2) acc[i][1] = vf32_add(acc[i][1], v);
    }
  }
  if (bias_col) {
    const float *last = bias_col + (NV - 1) * VF32_LANES;
    vf32 v1 = tail == VF32_LANES ? vf32_load(last) : vf32_load_tail(last, tail);
    vf32 v0 = NV == 2 ? vf32_load(bias_col) : v1;
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      acc[i][0] = vf32_add(acc[i][0], v0);
      if (NV == 2) acc[i][1] = vf32_add(acc[i][1], v1);
    }
  }
  if (relu) {
    const vf32 zero = vf32_zero(); /* max keeps a NaN that stands second */
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      acc[i][0] = vf32_max(zero, acc[i][0]);
      if (NV == 2) acc[i][1] = vf32_max(zero, acc[i][1]);
    }
  }
  if (tail == VF32_LANES) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      vf32_store(c + i * c_row, acc[i][0]);
      if (NV == 2) vf32_store(c + i * c_row + VF32_LANES, acc[i][1]);
    }
  } else {
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      if (NV == 2) vf32_store(c + i * c_row, acc[i][0]);
      vf32_store_tail(c + i * c_row + (NV - 1) * VF32_LANES, acc[i][NV - 1], tail);
    }
  }
}

/* C tile (MR x n), n in ((NV-1)*lanes, NV*lanes]. B's rows are read up to NV*lanes.  Meanwhile
 * `ahead` rows of the next B are brought into the cache, evenly: a burst of them would hold up the
 * tile's own loads. */
FNN_INLINE void gemm_tile(const int MR, const int NV, const int A_MODE, const int B_MODE, size_t k,
                          const float *a, ptrdiff_t a_row, ptrdiff_t a_col,
                          const ptrdiff_t *a_row_off, const ptrdiff_t *a_col_off, const float *b,
                          ptrdiff_t b_row, const ptrdiff_t *b_row_off, float *c, ptrdiff_t c_row,
                          size_t n, const float *bias_row, const float *bias_col, int accumulate,
                          int relu, const float *next, size_t ahead) {
  const size_t tail = n - (size_t)(NV - 1) * VF32_LANES; /* 1..lanes */
  vf32 acc[GEMM_MR_NARROW][2];
  const float *row[GEMM_MR_NARROW];
  if (accumulate) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      if (NV == 2) acc[i][0] = vf32_load(c + i * c_row);
      const float *last = c + i * c_row + (NV - 1) * VF32_LANES;
      acc[i][NV - 1] = tail == VF32_LANES ? vf32_load(last) : vf32_load_tail(last, tail);
    }
  } else {
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      acc[i][0] = vf32_zero();
      if (NV == 2) acc[i][1] = vf32_zero();
    }
  }
  if (A_MODE == A_TABLE) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) row[i] = a + a_row_off[i];
  }
  const size_t gap = ahead ? k / ahead : 0;
  size_t left = gap;
#pragma GCC unroll 2
  for (size_t p = 0; p < k; p++) {
    if ((A_MODE == A_AHEAD || A_MODE == A_STREAM) && ahead && --left == 0) {
      for (int i = 0; i < NV * VF32_LANES; i += LINE) __builtin_prefetch(next + i);
      next += b_row;
      left = gap;
      ahead--;
    }
    const float *bp = B_MODE == B_TABLE ? b + b_row_off[p] : b + (ptrdiff_t)p * b_row;
    const ptrdiff_t a_off = A_MODE == A_TABLE || A_MODE == A_RUN ? a_col_off[p] : 0;
    vf32 b0 = vf32_load(bp), b1 = NV == 2 ? vf32_load(bp + VF32_LANES) : b0;
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
      const float *ai = A_MODE == A_PACKED || A_MODE == A_AHEAD ? a + (ptrdiff_t)p * GEMM_MR + i
                        : A_MODE == A_RUN                       ? a + a_off + i * a_row
                        : A_MODE == A_TABLE ? row[i] + a_off
                                            : a + (ptrdiff_t)p * a_col + i * a_row;
      vf32 x = vf32_broadcast(ai);
      acc[i][0] = vf32_fmadd(x, b0, acc[i][0]);
      if (NV == 2) acc[i][1] = vf32_fmadd(x, b1, acc[i][1]);
    }
  }
  finish_tile(MR, NV, acc, c, c_row, tail, bias_row, bias_col, relu);
}

typedef void (*tile_fn)(size_t, const float *, ptrdiff_t, ptrdiff_t, const ptrdiff_t *,
                        const ptrdiff_t *, const float *, ptrdiff_t, const ptrdiff_t *, float *,
                        ptrdiff_t, size_t, const float *, const float *, int, int, const float *,
                        size_t);

#define TILE(MR, NV, MODE, AM, BM)                                                                \
  static void tile_##MODE##_##MR##x##NV(                                                          \
      size_t k, const float *a, ptrdiff_t a_row, ptrdiff_t a_col, const ptrdiff_t *a_row_off,     \
      const ptrdiff_t *a_col_off, const float *b, ptrdiff_t b_row, const ptrdiff_t *b_row_off,    \
      float *c, ptrdiff_t c_row, size_t n, const float *bias_row, const float *bias_col,          \
      int accumulate, int relu, const float *next, size_t ahead) {                                \
    if (AM == A_RUN && a_row == 1) /* constants, not a chain of sums */                           \
      gemm_tile(MR, NV, AM, BM, k, a, 1, a_col, a_row_off, a_col_off, b, b_row, b_row_off, c,     \
                c_row, n, bias_row, bias_col, accumulate, relu, next, ahead);                     \
    else                                                                                          \
      gemm_tile(MR, NV, AM, BM, k, a, a_row, a_col, a_row_off, a_col_off, b, b_row, b_row_off, c, \
                c_row, n, bias_row, bias_col, accumulate, relu, next, ahead);                     \
  }
#define TILE_MODES(MR, NV)                    \
  TILE(MR, NV, packed, A_PACKED, B_STRIDED)   \
  TILE(MR, NV, ahead, A_AHEAD, B_STRIDED)     \
  TILE(MR, NV, strided, A_STRIDED, B_STRIDED) \
  TILE(MR, NV, stream, A_STREAM, B_STRIDED)   \
  TILE(MR, NV, indirect, A_TABLE, B_STRIDED)  \
  TILE(MR, NV, run, A_RUN, B_STRIDED)         \
  TILE(MR, NV, direct, A_STRIDED, B_TABLE)
#define TILE_ROW(MODE, MR) [MR - 1] = {tile_##MODE##_##MR##x1, tile_##MODE##_##MR##x2}
#define TILE_NARROW(MODE, MR) [MR - 1] = {tile_##MODE##_##MR##x1, NULL}
GEMM_FOR_EACH_MR(TILE_MODES_BOTH)
GEMM_FOR_EACH_NARROW_MR(TILE_MODES_ONE)

enum {
  MODE_PACKED,
  MODE_AHEAD,
  MODE_STRIDED,
  MODE_STREAM,
  MODE_INDIRECT,
  MODE_RUN,
  MODE_DIRECT,
  MODES
};
static const tile_fn tiles[MODES][GEMM_MR_NARROW][2] = {
    [MODE_PACKED] = {GEMM_TABLE(packed)},     [MODE_AHEAD] = {GEMM_TABLE(ahead)},
    [MODE_STRIDED] = {GEMM_TABLE(strided)},   [MODE_STREAM] = {GEMM_TABLE(stream)},
    [MODE_INDIRECT] = {GEMM_TABLE(indirect)}, [MODE_RUN] = {GEMM_TABLE(run)},
    [MODE_DIRECT] = {GEMM_TABLE(direct)},
};

static void vtanh(size_t n, const float *x, float *y);
static void vsigmoid(size_t n, const float *x, float *y);

/* Columns [j0, j1), panels of `vectors` vectors each, of at most `mr` rows a tile.  All columns of
 * a tile's rows come before the next rows: C, which may lie in memory, is then written in long runs
 * that the hardware sees coming, and A is read once; B, in the next cache, again for each tile (1.1
 * times as fast for 1024^3, 2 times for 4096 x 8 x 4096: pytest bench -k gemm). */
static void gemm_panels(const fnn_gemm *g, int mode, size_t j0, size_t j1, int vectors, size_t mr) {
  const size_t nr = 2 * VF32_LANES, count = (g->m + mr - 1) / mr;
  const int packed = mode == MODE_PACKED || mode == MODE_AHEAD;
  /* Rows of the next B for each tile. */
  const int brings = mode == MODE_AHEAD || mode == MODE_STREAM;
  const size_t share = brings && count ? (g->k + count - 1) / count : 0;
  for (size_t t = 0, i = 0; t < count; t++) {
    const size_t rows =
        packed ? (g->m - i < mr ? g->m - i : mr) : (g->m - i + count - t - 1) / (count - t);
    const float *a = packed         ? g->a + (ptrdiff_t)t * g->a_panel
                     : g->a_row_off ? g->a
                                    : g->a + (ptrdiff_t)i * g->a_row;
    const tile_fn tile = tiles[mode][rows - 1][vectors - 1];
    const size_t from = t * share < g->k ? t * share : g->k;
    const size_t ahead = g->k - from < share ? g->k - from : share;
    const float *next = ahead ? g->next + (ptrdiff_t)from * g->b_row : NULL;
    for (size_t j = j0; j < j1; j += nr)
      tile(g->k, a, g->a_row, g->a_col, g->a_row_off ? g->a_row_off + i : NULL, g->a_col_off,
           g->b + (ptrdiff_t)(j / nr) * g->b_panel, g->b_row, g->b_row_off,
           g->c + (ptrdiff_t)i * g->c_row + j, g->c_row, j1 - j < nr ? j1 - j : nr,
           g->bias_row ? g->bias_row + i : NULL, g->bias_col ? g->bias_col + j : NULL,
           g->accumulate, g->activation == FNN_RELU,
           ahead ? next + (ptrdiff_t)(j / nr) * g->b_panel : NULL, ahead);
    i += rows;
  }
}

/* See fnn_gemm in fastnn.h.  The rows are cut into tiles of equal height (100 rows: 16 x 6 + 4
 * would waste the last tile's latency; 25 narrow rows become 9 + 8 + 8).  With a packed A the
 * panels' height mr is given.  tanh and sigmoid run over the finished strip. */
static void gemm_block(const fnn_gemm *g) {
  const size_t nr = 2 * VF32_LANES, tail = g->n % nr;
  const size_t wide = tail && tail <= VF32_LANES ? g->n - tail : g->n;
  const int packed = g->a_panel != 0;
  const int mode = g->a_row_off   ? MODE_INDIRECT
                   : g->a_col_off ? MODE_RUN
                   : packed       ? (g->next ? MODE_AHEAD : MODE_PACKED)
                   : g->b_row_off ? MODE_DIRECT
                   : g->next      ? MODE_STREAM
                                  : MODE_STRIDED;
  assert(!g->a_row_off || g->a_col_off);
  assert(!g->a_col_off || (!g->b_row_off && !packed));
  assert(!packed || !g->b_row_off);
  /* A panel of B for all rows where C is small; where B does not stay in L2 (1 MiB); where A is
   * gathered by tables, which keeps the loads busy, so that B must be in L1; and where the next
   * panel streams in.  With MODE_AHEAD never: its caller cuts the columns. */
  const int by_panels =
      mode == MODE_INDIRECT || mode == MODE_STREAM ||
      (mode != MODE_AHEAD && (g->m <= 4 * GEMM_MR || g->k * wide > (size_t)1 << 18));
  const size_t step = by_panels ? nr : wide;
  for (size_t j = 0; j < wide; j += step)
    gemm_panels(g, mode, j, wide - j < step ? wide : j + step, 2, GEMM_MR);
  if (wide < g->n) gemm_panels(g, mode, wide, g->n, 1, packed ? GEMM_MR : GEMM_MR_NARROW);
  if (g->activation == FNN_TANH)
    for (size_t i = 0; i < g->m; i++) {
      float *row = g->c + (ptrdiff_t)i * g->c_row;
      vtanh(g->n, row, row);
    }
  if (g->activation == FNN_SIGMOID)
    for (size_t i = 0; i < g->m; i++) {
      float *row = g->c + (ptrdiff_t)i * g->c_row;
      vsigmoid(g->n, row, row);
    }
}
