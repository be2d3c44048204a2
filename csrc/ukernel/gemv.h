/* ukernel/gemv.h - a vector times the transpose of a matrix: a dense layer for one sample.
 *
 * y[j] [+]= sum over p < k of x[p] * w[j * w_row + p], j < n: the chains of gemm.h, whose lanes are
 * outputs, so blocks of w are transposed in registers; the memory that w comes from is slower than
 * that.  With `accumulate` the chains begin with y. */

/* acc + x[0..lanes) times a block of as many columns of w's lines. */
FNN_INLINE vf32 gemv_block(const float *x, const float *lines, ptrdiff_t w_row, vf32 acc,
                           const int ahead) {
  vf32 r[VF32_LANES];
#pragma GCC unroll 16
  for (int q = 0; q < VF32_LANES; q++) {
    r[q] = vf32_load(lines + q * w_row);
    if (ahead) __builtin_prefetch(lines + q * w_row + ahead);
  }
  vf32_transpose(r);
#pragma GCC unroll 16
  for (int q = 0; q < VF32_LANES; q++) acc = vf32_fmadd(vf32_broadcast(x + q), r[q], acc);
  return acc;
}

/* acc + x[0..k) times `rows` lines of w. */
FNN_INLINE vf32 gemv_rest(size_t rows, size_t k, const float *x, const float *lines,
                          ptrdiff_t w_row, vf32 acc) {
  for (size_t p = 0; p < k; p += VF32_LANES) {
    const size_t cols = k - p < VF32_LANES ? k - p : VF32_LANES;
    vf32 r[VF32_LANES];
    for (size_t q = 0; q < VF32_LANES; q++) {
      const float *from = lines + (ptrdiff_t)q * w_row + (ptrdiff_t)p;
      r[q] = q >= rows            ? vf32_zero()
             : cols == VF32_LANES ? vf32_load(from)
                                  : vf32_load_tail(from, cols);
    }
    vf32_transpose(r);
    for (size_t q = 0; q < cols; q++) acc = vf32_fmadd(vf32_broadcast(x + p + q), r[q], acc);
  }
  return acc;
}

static void gemv_transposed(size_t n, size_t k, const float *x, const float *w, ptrdiff_t w_row,
                            int accumulate, float *y) {
  const size_t L = VF32_LANES, whole = k - k % L;
  size_t j = 0;
  if (n * k <= 1 << 18) /* in cache: two chains at a time hide each other's latency */
    for (; j + 2 * L <= n; j += 2 * L) {
      const float *lines = w + (ptrdiff_t)j * w_row, *more = lines + (ptrdiff_t)L * w_row;
      vf32 a = accumulate ? vf32_load(y + j) : vf32_zero();
      vf32 b = accumulate ? vf32_load(y + j + L) : vf32_zero();
      for (size_t p = 0; p < whole; p += L) {
        a = gemv_block(x + p, lines + p, w_row, a, 0);
        b = gemv_block(x + p, more + p, w_row, b, 0);
      }
      vf32_store(y + j, gemv_rest(L, k - whole, x + whole, lines + whole, w_row, a));
      vf32_store(y + j + L, gemv_rest(L, k - whole, x + whole, more + whole, w_row, b));
    }
  for (; j < n; j += L) {
    const size_t rows = n - j < L ? n - j : L;
    const float *lines = w + (ptrdiff_t)j * w_row;
    vf32 acc = vf32_zero();
    if (accumulate) acc = rows == L ? vf32_load(y + j) : vf32_load_tail(y + j, rows);
    size_t p = 0;
    if (rows == L) /* sixteen streams at once: the hardware does not follow them by itself */
      for (; p < whole; p += L) acc = gemv_block(x + p, lines + p, w_row, acc, 128);
    acc = gemv_rest(rows, k - p, x + p, lines + p, w_row, acc);
    if (rows == L)
      vf32_store(y + j, acc);
    else
      vf32_store_tail(y + j, acc, rows);
  }
}

/* y[j] [+]= sum over p < k of x[p] * B(p, j), j < n, B in panels as pack_b leaves them.  Eight
 * chains at a time: one waits four cycles for the next term. */
FNN_INLINE void gemv_panels(const int panels, size_t n, size_t k, const float *x, const float *b,
                            int accumulate, float *y) {
  const size_t nr = 2 * VF32_LANES;
  vf32 acc[8];
#pragma GCC unroll 8
  for (int v = 0; v < 2 * panels; v++) {
    const size_t at = (size_t)v * VF32_LANES;
    acc[v] = !accumulate || at >= n ? vf32_zero()
             : n - at < VF32_LANES  ? vf32_load_tail(y + at, n - at)
                                    : vf32_load(y + at);
  }
  for (size_t p = 0; p < k; p++) {
    vf32 xp = vf32_broadcast(x + p);
#pragma GCC unroll 8
    for (int v = 0; v < 2 * panels; v++) {
      const float *from = b + (size_t)(v / 2) * nr * k + p * nr + (size_t)(v % 2) * VF32_LANES;
      acc[v] = vf32_fmadd(xp, vf32_load(from), acc[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < 2 * panels; v++) {
    const size_t at = (size_t)v * VF32_LANES;
    if (at >= n) break;
    if (n - at < VF32_LANES)
      vf32_store_tail(y + at, acc[v], n - at);
    else
      vf32_store(y + at, acc[v]);
  }
}

static void gemv_packed(size_t n, size_t k, const float *x, const float *b, int accumulate,
                        float *y) {
  const size_t nr = 2 * VF32_LANES;
  size_t j = 0;
  for (; j + 3 * nr < n; j += 4 * nr)
    gemv_panels(4, n - j < 4 * nr ? n - j : 4 * nr, k, x, b + j * k, accumulate, y + j);
  for (; j < n; j += nr)
    gemv_panels(1, n - j < nr ? n - j : nr, k, x, b + j * k, accumulate, y + j);
}
