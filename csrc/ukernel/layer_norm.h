/* ukernel/layer_norm.h - normalisation of one row with a weight for each element of it: layer and
 * RMS normalisation, and group normalisation of small planes.  Sums and gradients without weights
 * are those of norm.h.  n is the length of the row, any; d = x - mean. */

FNN_INLINE void layer_norm_row_body(int has_bias, size_t n, float mean, float rstd,
                                    const float *weight, const float *bias, const float *x,
                                    float *y) {
  const vf32 m = vf32_set1(mean), r = vf32_set1(rstd);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const size_t left = n - i;
    const vf32 z = vf32_mul(vf32_sub(load_some(x + i, left), m), r);
    const vf32 w = load_some(weight + i, left);
    store_some(y + i, has_bias ? vf32_fmadd(z, w, load_some(bias + i, left)) : vf32_mul(z, w),
               left);
  }
}

/* y = (d rstd) weight + bias, product and sum as one FMA; bias may be NULL.  y may be x. */
static void layer_norm_row(size_t n, float mean, float rstd, const float *weight, const float *bias,
                           const float *x, float *y) {
  if (bias)
    layer_norm_row_body(1, n, mean, rstd, weight, bias, x, y);
  else
    layer_norm_row_body(0, n, mean, rstd, weight, bias, x, y);
}

FNN_INLINE void weighted_sums_step(vl16 dy, vl16 x, vl16 w, vf32 mean, vl16 *sum, vl16 *product) {
  VL16_EACH(const vf32 g = vf32_mul(dy.v[q], w.v[q]); sum->v[q] = vf32_add(sum->v[q], g);
            product->v[q] = vf32_fmadd(g, vf32_sub(x.v[q], mean), product->v[q]));
}

/* sums[0] = sum dy weight, sums[1] = sum dy weight d, in the two sets of lanes of norm.h. */
static void layer_norm_grad_sums(size_t n, float mean, const float *weight, const float *dy,
                                 const float *x, float *sums) {
  const vf32 m = vf32_set1(mean);
  vl16 s0 = vl16_set1(0.0f), s1 = s0, q0 = s0, q1 = s0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    weighted_sums_step(vl16_load(dy + i), vl16_load(x + i), vl16_load(weight + i), m, &s0, &q0);
    weighted_sums_step(vl16_load(dy + i + 16), vl16_load(x + i + 16), vl16_load(weight + i + 16), m,
                       &s1, &q1);
  }
  vl16 *s = &s0, *q = &q0;
  if (n - i >= 16) {
    weighted_sums_step(vl16_load(dy + i), vl16_load(x + i), vl16_load(weight + i), m, s, q);
    i += 16;
    s = &s1, q = &q1;
  }
  if (i < n)
    weighted_sums_step(vl16_load_tail(dy + i, n - i, 0.0f), vl16_load_tail(x + i, n - i, mean),
                       vl16_load_tail(weight + i, n - i, 0.0f), m, s, q);
  sums[0] = two_sets_sum(s0, s1);
  sums[1] = two_sets_sum(q0, q1);
}

/* dx = scale (dy weight) + (slope d + offset) with p's mean, scale, slope and offset.
 * dx may be dy or x. */
static void layer_norm_row_grad(size_t n, const fnn_norm *p, const float *weight, const float *dy,
                                const float *x, float *dx) {
  const vf32 mean = vf32_set1(p->mean), scale = vf32_set1(p->scale);
  const vf32 slope = vf32_set1(p->slope), offset = vf32_set1(p->offset);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const size_t left = n - i;
    const vf32 g = vf32_mul(load_some(dy + i, left), load_some(weight + i, left));
    const vf32 d = vf32_sub(load_some(x + i, left), mean);
    store_some(dx + i, vf32_fmadd(scale, g, vf32_fmadd(slope, d, offset)), left);
  }
}

FNN_INLINE void param_grad_body(int has_bias, size_t n, float mean, float rstd, const float *dy,
                                const float *x, float *dweight, float *dbias) {
  const vf32 m = vf32_set1(mean), r = vf32_set1(rstd);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const size_t left = n - i;
    const vf32 g = load_some(dy + i, left);
    const vf32 z = vf32_mul(vf32_sub(load_some(x + i, left), m), r);
    store_some(dweight + i, vf32_fmadd(g, z, load_some(dweight + i, left)), left);
    if (has_bias) store_some(dbias + i, vf32_add(load_some(dbias + i, left), g), left);
  }
}

/* dweight += dy (d rstd), as one FMA; dbias += dy, which may be NULL. */
static void layer_norm_param_grad(size_t n, float mean, float rstd, const float *dy, const float *x,
                                  float *dweight, float *dbias) {
  if (dbias)
    param_grad_body(1, n, mean, rstd, dy, x, dweight, dbias);
  else
    param_grad_body(0, n, mean, rstd, dy, x, dweight, dbias);
}
