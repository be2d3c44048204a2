/* ukernel/softmax.h - one row of softmax and log-softmax and their gradients (any n >= 1; the
 * output may be the input).  Shifting by the maximum keeps exp() in [0, 1]; it cancels. */

/* y = exp(x - shift); returns the sum in the order of reduce.h. */
FNN_INLINE float exp_shifted(size_t n, const float *x, float shift, float *y, int store) {
  const vf32 m = vf32_set1(shift);
  vl16 s = vl16_set1(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    vl16 a = vl16_load(x + i);
    VL16_EACH(a.v[q] = exp_vf32(vf32_sub(a.v[q], m)); s.v[q] = vf32_add(s.v[q], a.v[q]);
              if (store) vf32_store(y + i + q * VF32_LANES, a.v[q]));
  }
  if (i < n) {
    float lanes[16];
    vl16 a = vl16_load_tail(x + i, n - i, -INFINITY);
    VL16_EACH(a.v[q] = exp_vf32(vf32_sub(a.v[q], m)); vf32_store(lanes + q * VF32_LANES, a.v[q]));
    for (size_t j = n - i; j < 16; j++) lanes[j] = 0.0f; /* an infinite shift makes NaN there */
    a = vl16_load(lanes);
    VL16_EACH(s.v[q] = vf32_add(s.v[q], a.v[q]));
    if (store) memcpy(y + i, lanes, (n - i) * sizeof *y);
  }
  return vl16_sum(s);
}

/* Returns sum exp(x - max x), whose logarithm cross-entropy needs. */
static float softmax_row(size_t n, const float *x, float *y) {
  const float m = vmax(n, x);
  const float total = exp_shifted(n, x, m, y, 1);
  vscale(n, 1.0f / total, y, y);
  return total;
}

/* dx = y * (dy - sum(dy * y)) */
static void softmax_row_grad(size_t n, const float *dy, const float *y, float *dx) {
  const vf32 dot = vf32_set1(vdot(n, dy, y));
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    vf32_store(dx + i, vf32_mul(vf32_load(y + i), vf32_sub(vf32_load(dy + i), dot)));
  if (i < n)
    vf32_store_tail(
        dx + i,
        vf32_mul(vf32_load_tail(y + i, n - i), vf32_sub(vf32_load_tail(dy + i, n - i), dot)),
        n - i);
}

static void log_softmax_row(size_t n, const float *x, float *y) {
  const float m = vmax(n, x);
  float log_total[1] = {exp_shifted(n, x, m, y, 0)};
  vlog(1, log_total, log_total);
  for (size_t i = 0; i < n; i++) y[i] = (x[i] - m) - log_total[0];
}

/* dx = dy - exp(y) * sum(dy) */
static void log_softmax_row_grad(size_t n, const float *dy, const float *y, float *dx) {
  const vf32 total = vf32_set1(vsum(n, dy));
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    vf32_store(dx + i, vf32_fnmadd(exp_vf32(vf32_load(y + i)), total, vf32_load(dy + i)));
  if (i < n)
    vf32_store_tail(
        dx + i,
        vf32_fnmadd(exp_vf32(vf32_load_tail(y + i, n - i)), total, vf32_load_tail(dy + i, n - i)),
        n - i);
}
