/* ukernel/sparse.h - convolution gradients from the elements of dy that are not zero.
 *
 * Below a max-pool and ReLU most of dy is zero: 2x2 windows leave a quarter of it, ReLU about half
 * of that.  Terms whose factor in dy is zero are left out; the others are added in the order of the
 * dense kernels, so finite operands give the same bits. */

/* Positions and values of the elements of x that are not zero (NaN is not), in order.  out arrays
 * have room for n + VF32_LANES; returns the number found. */
static size_t nonzeros(size_t n, const float *x, int32_t *index, float *value) {
  size_t found = 0, i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    found += vf32_compress(vf32_load(x + i), (int32_t)i, value + found, index + found);
  for (; i < n; i++) {
    index[found] = (int32_t)i;
    value[found] = x[i];
    found += x[i] != 0.0f;
  }
  return found;
}

/* `rows` accumulators of VF32_LANES floats in registers. */
FNN_INLINE void sparse_rows(int rows, size_t count, const ptrdiff_t *at, const float *value,
                            const float *x, const ptrdiff_t *row_off, float *acc) {
  vf32 sum[10];
  const float *row[10];
#pragma GCC unroll 10
  for (int r = 0; r < rows; r++) {
    sum[r] = vf32_load(acc + r * VF32_LANES);
    row[r] = x + row_off[r];
  }
  for (size_t i = 0; i < count; i++) {
    const vf32 v = vf32_broadcast(value + i);
    const ptrdiff_t p = at[i];
#pragma GCC unroll 10
    for (int r = 0; r < rows; r++) sum[r] = vf32_fmadd(v, vf32_load(row[r] + p), sum[r]);
  }
#pragma GCC unroll 10
  for (int r = 0; r < rows; r++) vf32_store(acc + r * VF32_LANES, sum[r]);
}

/* acc[r * VF32_LANES + j] += sum over i of value[i] * x[at[i] + row_off[r] + j], j < VF32_LANES, i
 * in order: one chain per element.  Whole vectors of x are read. */
static void sparse_weight_grad(size_t count, const ptrdiff_t *at, const float *value,
                               const float *x, size_t rows, const ptrdiff_t *row_off, float *acc) {
  size_t r = 0;
  for (; r + 10 <= rows; r += 10)
    sparse_rows(10, count, at, value, x, row_off + r, acc + r * VF32_LANES);
  for (; r + 5 <= rows; r += 5)
    sparse_rows(5, count, at, value, x, row_off + r, acc + r * VF32_LANES);
  for (; r < rows; r++) sparse_rows(1, count, at, value, x, row_off + r, acc + r * VF32_LANES);
}

/* dx[at[i] + j * step + c] += value[i] * w[j * width + c], j < taps, c < width, from the last i to
 * the first: dx (pixels, width), w (taps, width), width a multiple of VF32_LANES. */
static void sparse_input_grad(size_t count, const ptrdiff_t *at, const float *value, const float *w,
                              size_t taps, size_t width, ptrdiff_t step, float *dx) {
  if (taps == 5 && width == VF32_LANES) { /* the weights of LeNet's rows stay in registers */
    const vf32 w0 = vf32_load(w), w1 = vf32_load(w + VF32_LANES);
    const vf32 w2 = vf32_load(w + 2 * VF32_LANES), w3 = vf32_load(w + 3 * VF32_LANES);
    const vf32 w4 = vf32_load(w + 4 * VF32_LANES);
    for (size_t i = count; i-- > 0;) {
      const vf32 v = vf32_broadcast(value + i);
      float *p = dx + at[i];
      vf32_store(p, vf32_fmadd(v, w0, vf32_load(p)));
      vf32_store(p + step, vf32_fmadd(v, w1, vf32_load(p + step)));
      vf32_store(p + 2 * step, vf32_fmadd(v, w2, vf32_load(p + 2 * step)));
      vf32_store(p + 3 * step, vf32_fmadd(v, w3, vf32_load(p + 3 * step)));
      vf32_store(p + 4 * step, vf32_fmadd(v, w4, vf32_load(p + 4 * step)));
    }
    return;
  }
  for (size_t i = count; i-- > 0;) {
    const vf32 v = vf32_broadcast(value + i);
    for (size_t j = 0; j < taps; j++) {
      float *p = dx + at[i] + (ptrdiff_t)j * step;
      for (size_t c = 0; c < width; c += VF32_LANES)
        vf32_store(p + c, vf32_fmadd(v, vf32_load(w + j * width + c), vf32_load(p + c)));
    }
  }
}
