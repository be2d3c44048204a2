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
