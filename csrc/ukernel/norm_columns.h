/* ukernel/norm_columns.h - batch normalisation with channels side by side in a row.
 *
 * Per-channel numbers stand in arrays, a vector holds as many channels as it is wide.  Sums take
 * even rows into one chain and odd rows into another, which are added at the end, whatever the
 * width of the vectors. */

/* y = (x - mean[c]) scale[c] + shift[c], its ReLU with relu: `channels` planes of n elements, one
 * after the other.  y may be x. */
static void norm_planes(size_t channels, size_t n, int relu, const float *mean, const float *scale,
                        const float *shift, const float *x, float *y) {
  if (n == 1) {
    for (size_t c = 0; c < channels; c += VF32_LANES) {
      const size_t left = channels - c;
      const vf32 z = normalised(load_some(x + c, left), load_some(mean + c, left),
                                load_some(scale + c, left), load_some(shift + c, left));
      store_some(y + c, relu ? relu_vf32(z) : z, left);
    }
    return;
  }
  for (size_t c = 0; c < channels; c++, x += n, y += n) {
    const fnn_norm p = {.mean = mean[c], .scale = scale[c], .shift = shift[c]};
    if (relu)
      norm_apply_body(1, 1, n, 0, &p, x, y);
    else
      norm_apply_body(0, 1, n, 0, &p, x, y);
  }
}

/* sum[c] = sum (x - center[c]), square[c] = sum (x - center[c])^2 over rows, `row` apart. */
static void column_moments(size_t rows, size_t channels, ptrdiff_t row, const float *center,
                           const float *x, float *sum, float *square) {
  for (size_t c = 0; c < channels; c += VF32_LANES) {
    const size_t left = channels - c;
    const vf32 m = load_some(center + c, left);
    vf32 s[2] = {vf32_zero(), vf32_zero()}, q[2] = {vf32_zero(), vf32_zero()};
    const float *p = x + c;
    size_t r = 0;
    for (; r + 2 <= rows; r += 2, p += 2 * row) {
      const vf32 a = vf32_sub(load_some(p, left), m), b = vf32_sub(load_some(p + row, left), m);
      s[0] = vf32_add(s[0], a), s[1] = vf32_add(s[1], b);
      q[0] = vf32_fmadd(a, a, q[0]), q[1] = vf32_fmadd(b, b, q[1]);
    }
    if (r < rows) {
      const vf32 a = vf32_sub(load_some(p, left), m);
      s[0] = vf32_add(s[0], a), q[0] = vf32_fmadd(a, a, q[0]);
    }
    store_some(sum + c, vf32_add(s[0], s[1]), left);
    store_some(square + c, vf32_add(q[0], q[1]), left);
  }
}

/* sum[c] = sum dz, product[c] = sum dz (x - mean[c]) over rows, `row` apart; dz = dy, or with relu
 * dy where (x - mean[c]) scale[c] + shift[c] > 0, else 0. */
static void column_grad_sums(size_t rows, size_t channels, ptrdiff_t row, int relu,
                             const float *mean, const float *scale, const float *shift,
                             const float *dy, const float *x, float *sum, float *product) {
  for (size_t c = 0; c < channels; c += VF32_LANES) {
    const size_t left = channels - c;
    const norm_consts k = {load_some(mean + c, left), load_some(scale + c, left),
                           load_some(shift + c, left)};
    vf32 s[2] = {vf32_zero(), vf32_zero()}, q[2] = {vf32_zero(), vf32_zero()};
    for (size_t r = 0; r < rows; r++) {
      const ptrdiff_t at = (ptrdiff_t)r * row + (ptrdiff_t)c;
      const vf32 a = load_some(x + at, left);
      const vf32 dz = through_relu(relu, load_some(dy + at, left), a, &k);
      if (r % 2) {
        s[1] = vf32_add(s[1], dz), q[1] = vf32_fmadd(dz, vf32_sub(a, k.mean), q[1]);
      } else {
        s[0] = vf32_add(s[0], dz), q[0] = vf32_fmadd(dz, vf32_sub(a, k.mean), q[0]);
      }
    }
    store_some(sum + c, vf32_add(s[0], s[1]), left);
    store_some(product + c, vf32_add(q[0], q[1]), left);
  }
}

/* y = (x - mean[c]) scale[c] + shift[c], its ReLU with relu, over rows, `row` apart.  y may be x.
 */
static void column_apply(size_t rows, size_t channels, ptrdiff_t row, int relu, const float *mean,
                         const float *scale, const float *shift, const float *x, float *y) {
  for (size_t c = 0; c < channels; c += VF32_LANES) {
    const size_t left = channels - c;
    const vf32 m = load_some(mean + c, left), s = load_some(scale + c, left),
               b = load_some(shift + c, left);
    const float *from = x + c;
    float *to = y + c;
    for (size_t r = 0; r < rows; r++, from += row, to += row) {
      const vf32 z = normalised(load_some(from, left), m, s, b);
      store_some(to, relu ? relu_vf32(z) : z, left);
    }
  }
}

/* dx = scale[c] dz + (slope[c] (x - mean[c]) + offset[c]), or with centred == 0 scale[c] dz, over
 * rows, `row` apart, dz as above.  dx may be dy or x. */
static void column_grad_apply(size_t rows, size_t channels, ptrdiff_t row, int relu, int centred,
                              const float *mean, const float *scale, const float *shift,
                              const float *slope, const float *offset, const float *dy,
                              const float *x, float *dx) {
  for (size_t c = 0; c < channels; c += VF32_LANES) {
    const size_t left = channels - c;
    const norm_consts k = {load_some(mean + c, left), load_some(scale + c, left),
                           load_some(shift + c, left)};
    const vf32 a = load_some(slope + c, left), b = load_some(offset + c, left);
    for (size_t r = 0; r < rows; r++) {
      const ptrdiff_t at = (ptrdiff_t)r * row + (ptrdiff_t)c;
      store_some(
          dx + at,
          norm_grad(relu, centred, load_some(dy + at, left), load_some(x + at, left), &k, a, b),
          left);
    }
  }
}
