/* ukernel/gemv.h - a vector times the transpose of a matrix: a dense layer for one sample.
 *
 * y[j] [+]= sum over p < k of x[p] * w[j * w_row + p], j < n: the chains of gemm.h, whose lanes are
 * outputs, so blocks of w are transposed in registers; the memory that w comes from is slower than
 * that.  With `accumulate` the chains begin with y. */
static void gemv_transposed(size_t n, size_t k, const float *x, const float *w, ptrdiff_t w_row,
                            int accumulate, float *y) {
  for (size_t j = 0; j < n; j += VF32_LANES) {
    const size_t rows = n - j < VF32_LANES ? n - j : VF32_LANES;
    const float *lines = w + (ptrdiff_t)j * w_row;
    vf32 acc = vf32_zero();
    if (accumulate) acc = rows == VF32_LANES ? vf32_load(y + j) : vf32_load_tail(y + j, rows);
    size_t p = 0;
    for (; rows == VF32_LANES && p + VF32_LANES <= k; p += VF32_LANES) {
      vf32 r[VF32_LANES];
#pragma GCC unroll 16
      for (int q = 0; q < VF32_LANES; q++) {
        r[q] = vf32_load(lines + q * w_row + (ptrdiff_t)p);
        __builtin_prefetch(lines + q * w_row + (ptrdiff_t)p + 128); /* sixteen streams at once */
      }
      vf32_transpose(r);
#pragma GCC unroll 16
      for (int q = 0; q < VF32_LANES; q++) acc = vf32_fmadd(vf32_broadcast(x + p + q), r[q], acc);
    }
    for (; p < k; p += VF32_LANES) {
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
    if (rows == VF32_LANES)
      vf32_store(y + j, acc);
    else
      vf32_store_tail(y + j, acc, rows);
  }
}
