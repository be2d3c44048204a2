/* ukernel/lrn.h - local response normalisation, n pixels of one channel.
 *
 * The window's sum is taken anew for each channel, in order of channels: windows are short (5 in
 * AlexNet), and a sum that slides by subtracting what leaves it would cancel. */

/* base^-beta.  3/4, 1/2 and 1 are roots and quotients; others exp(-beta log base), NaN below 0. */
FNN_INLINE vf32 inverse_power(vf32 base, float beta) {
  const vf32 one = vf32_set1(1.0f);
  if (beta == 0.75f) {
    const vf32 root = vf32_sqrt(base);
    return vf32_div(one, vf32_mul(root, vf32_sqrt(root)));
  }
  if (beta == 0.5f) return vf32_div(one, vf32_sqrt(base));
  if (beta == 1.0f) return vf32_div(one, base);
  return exp_vf32(vf32_mul(vf32_set1(-beta), log_vf32(base)));
}

/* base = k + scale sum_w x[w stride + i]^2, w in [0, window); y = at base^-beta, `at` being the
 * channel's own x. */
static void lrn_row(size_t n, size_t window, ptrdiff_t stride, float scale, float k, float beta,
                    const float *x, const float *at, float *base, float *y) {
  const vf32 s = vf32_set1(scale), offset = vf32_set1(k);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const float *p = x + i;
    vf32 sum = vf32_zero();
    for (size_t w = 0; w < window; w++, p += stride) {
      const vf32 a = load_some(p, n - i);
      sum = vf32_fmadd(a, a, sum);
    }
    const vf32 b = vf32_fmadd(s, sum, offset);
    store_some(base + i, b, n - i);
    store_some(y + i, vf32_mul(load_some(at + i, n - i), inverse_power(b, beta)), n - i);
  }
}

/* ratio = dy y / base; ratio may be any of them. */
static void lrn_ratio(size_t n, const float *dy, const float *y, const float *base, float *ratio) {
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 product = vf32_mul(load_some(dy + i, n - i), load_some(y + i, n - i));
    store_some(ratio + i, vf32_div(product, load_some(base + i, n - i)), n - i);
  }
}

/* dx = dy base^-beta - scale x sum_w ratio[w stride + i], w in [0, window). */
static void lrn_row_grad(size_t n, size_t window, ptrdiff_t stride, float scale, float beta,
                         const float *ratio, const float *dy, const float *x, const float *base,
                         float *dx) {
  const vf32 s = vf32_set1(scale);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const float *p = ratio + i;
    vf32 sum = vf32_zero();
    for (size_t w = 0; w < window; w++, p += stride) sum = vf32_add(sum, load_some(p, n - i));
    const vf32 own =
        vf32_mul(load_some(dy + i, n - i), inverse_power(load_some(base + i, n - i), beta));
    store_some(dx + i, vf32_fnmadd(vf32_mul(s, load_some(x + i, n - i)), sum, own), n - i);
  }
}
