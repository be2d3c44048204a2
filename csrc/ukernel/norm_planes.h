/* ukernel/norm_planes.h - batch normalisation of small planes: `rows` rows, `row` apart, of
 * `channels` planes of n > 0 elements side by side, so that memory is read in order.
 *
 * Per-channel numbers stand in arrays; each channel's sums are taken in the order of norm.h. */

#define PLANES 16 /* channels whose sums are on the way at a time */

/* sum[c] = sum (x - center[c]), square[c] = sum (x - center[c])^2 */
static void plane_moments(size_t rows, size_t channels, size_t n, ptrdiff_t row,
                          const float *center, const float *x, float *sum, float *square) {
  norm_sums sums[PLANES];
  for (size_t first = 0; first < channels; first += PLANES) {
    const size_t some = channels - first < PLANES ? channels - first : PLANES;
    for (size_t c = 0; c < some; c++) sums[c] = no_sums();
    const float *p = x + first * n;
    for (size_t r = 0; r < rows; r++, p += row)
      for (size_t c = 0; c < some; c++) moments_piece(n, center[first + c], p + c * n, &sums[c]);
    for (size_t c = 0; c < some; c++) norm_totals(&sums[c], &sum[first + c], &square[first + c]);
  }
}

FNN_INLINE void plane_grad_sums_body(int relu, size_t rows, size_t channels, size_t n,
                                     ptrdiff_t row, const float *mean, const float *scale,
                                     const float *shift, const float *dy, const float *x,
                                     float *sum, float *product) {
  norm_sums sums[PLANES];
  for (size_t first = 0; first < channels; first += PLANES) {
    const size_t some = channels - first < PLANES ? channels - first : PLANES;
    for (size_t c = 0; c < some; c++) sums[c] = no_sums();
    ptrdiff_t at = (ptrdiff_t)(first * n);
    for (size_t r = 0; r < rows; r++, at += row)
      for (size_t c = 0; c < some; c++) {
        const norm_consts k = {vf32_set1(mean[first + c]), vf32_set1(scale[first + c]),
                               vf32_set1(shift[first + c])};
        grad_sums_piece(relu, n, &k, dy + at + c * n, x + at + c * n, &sums[c]);
      }
    for (size_t c = 0; c < some; c++) norm_totals(&sums[c], &sum[first + c], &product[first + c]);
  }
}

/* sum[c] = sum dz, product[c] = sum dz (x - mean[c]); dz = dy, or with relu dy where
 * (x - mean[c]) scale[c] + shift[c] > 0, else 0. */
static void plane_grad_sums(size_t rows, size_t channels, size_t n, ptrdiff_t row, int relu,
                            const float *mean, const float *scale, const float *shift,
                            const float *dy, const float *x, float *sum, float *product) {
  if (relu)
    plane_grad_sums_body(1, rows, channels, n, row, mean, scale, shift, dy, x, sum, product);
  else
    plane_grad_sums_body(0, rows, channels, n, row, mean, scale, shift, dy, x, sum, product);
}

/* dx = scale[c] dz + (slope[c] (x - mean[c]) + offset[c]), or with centred == 0 scale[c] dz, dz as
 * above.  dx may be dy or x. */
static void plane_grad_apply(size_t rows, size_t channels, size_t n, ptrdiff_t row, int relu,
                             int centred, const float *mean, const float *scale, const float *shift,
                             const float *slope, const float *offset, const float *dy,
                             const float *x, float *dx) {
  for (size_t r = 0; r < rows; r++, dy += row, x += row, dx += row)
    for (size_t c = 0; c < channels; c++) {
      const fnn_norm p = {.mean = mean[c],
                          .scale = scale[c],
                          .shift = shift[c],
                          .slope = slope[c],
                          .offset = offset[c],
                          .relu = relu,
                          .centred = centred};
      norm_grad_apply(1, n, 0, &p, dy + c * n, x + c * n, dx + c * n);
    }
}
