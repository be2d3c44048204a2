/* ukernel/gemm_rows.h - one GEMM for each row of pixels, as direct convolutions of few channels ask
 * for.  A few rows of A fill a fraction of the registers and hide little of the latency: there two
 * rows of pixels share a tile, and each element of A is broadcast for both. */

/* C tile of two rows of pixels (2 x M x n), n in ((NV-1)*lanes, NV*lanes]; see gemm_tile. */
FNN_INLINE void pair_tile(const int M, const int NV, const fnn_gemm *g, const float *b,
                          ptrdiff_t b_next, float *c, ptrdiff_t c_next, size_t n) {
  const size_t tail = n - (size_t)(NV - 1) * VF32_LANES; /* 1..lanes */
  const float *a = g->a;
  const ptrdiff_t a_row = g->a_row, a_col = g->a_col, *off = g->b_row_off;
  const size_t k = g->k;
  vf32 acc[GEMM_MR][2];
#pragma GCC unroll 12
  for (int i = 0; i < 2 * M; i++) {
    acc[i][0] = vf32_zero();
    if (NV == 2) acc[i][1] = vf32_zero();
  }
  for (size_t p = 0; p < k; p++) {
    const float *bp = b + off[p], *ap = a + (ptrdiff_t)p * a_col;
    vf32 b0 = vf32_load(bp), b1 = NV == 2 ? vf32_load(bp + VF32_LANES) : b0;
    bp += b_next;
    vf32 d0 = vf32_load(bp), d1 = NV == 2 ? vf32_load(bp + VF32_LANES) : d0;
#pragma GCC unroll 12
    for (int i = 0; i < M; i++) {
      vf32 x = vf32_broadcast(ap + i * a_row);
      acc[i][0] = vf32_fmadd(x, b0, acc[i][0]);
      if (NV == 2) acc[i][1] = vf32_fmadd(x, b1, acc[i][1]);
      acc[M + i][0] = vf32_fmadd(x, d0, acc[M + i][0]);
      if (NV == 2) acc[M + i][1] = vf32_fmadd(x, d1, acc[M + i][1]);
    }
  }
  const int relu = g->activation == FNN_RELU;
  finish_tile(M, NV, acc, c, g->c_row, tail, g->bias_row, NULL, relu);
  finish_tile(M, NV, acc + M, c + c_next, g->c_row, tail, g->bias_row, NULL, relu);
}

typedef void (*pair_fn)(const fnn_gemm *, const float *, ptrdiff_t, float *, ptrdiff_t, size_t);

#define PAIR(M, NV)                                                                          \
  static void pair_##M##x##NV(const fnn_gemm *g, const float *b, ptrdiff_t b_next, float *c, \
                              ptrdiff_t c_next, size_t n) {                                  \
    pair_tile(M, NV, g, b, b_next, c, c_next, n);                                            \
  }
#define PAIR_BOTH(M) PAIR(M, 1) PAIR(M, 2)
#define PAIR_ROW(M) {pair_##M##x1, pair_##M##x2},
GEMM_FOR_EACH_HALF_MR(PAIR_BOTH)
static const pair_fn pairs[][2] = {GEMM_FOR_EACH_HALF_MR(PAIR_ROW)};

/* gemm_block(g) for each of `rows` rows of pixels; from one to the next B starts b_next and C
 * c_next later. */
static void gemm_rows(const fnn_gemm *g, size_t rows, ptrdiff_t b_next, ptrdiff_t c_next) {
  const size_t nr = 2 * VF32_LANES;
  const int shares = g->m && 2 * g->m <= GEMM_MR && g->b_row_off && !g->accumulate &&
                     !g->bias_col && g->activation <= FNN_RELU;
  fnn_gemm one = *g;
  size_t t = 0;
  assert(!g->a_panel || !g->b_row_off);
  assert(!g->a_col_off || !g->b_row_off);
  for (; shares && t + 2 <= rows; t += 2)
    for (size_t j = 0; j < g->n; j += nr) {
      const size_t n = g->n - j < nr ? g->n - j : nr;
      pairs[g->m - 1][n > VF32_LANES](
          g, g->b + (ptrdiff_t)t * b_next + (ptrdiff_t)(j / nr) * g->b_panel, b_next,
          g->c + (ptrdiff_t)t * c_next + j, c_next, n);
    }
  for (; t < rows; t++) {
    one.b = g->b + (ptrdiff_t)t * b_next;
    one.c = g->c + (ptrdiff_t)t * c_next;
    gemm_block(&one);
  }
}
