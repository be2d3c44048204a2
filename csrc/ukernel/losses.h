/* ukernel/losses.h - losses of pairs (x, t), element by element, and softmax over strided classes.
 *
 * Gradients are multiplied by dloss[i], or by scale if dloss is NULL.  NaN stays NaN. */

FNN_INLINE vf32 abs_vf32(vf32 x) { return vf32_xor(x, vf32_and(x, vf32_set1(-0.0f))); }

/* loss = |x - t| */
static void l1_loss(size_t n, const float *x, const float *t, float *loss) {
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 d = vf32_sub(load_some(x + i, n - i), load_some(t + i, n - i));
    store_some(loss + i, abs_vf32(d), n - i);
  }
}

/* dx = dloss sign(x - t), sign(0) = 0 */
static void l1_loss_grad(size_t n, float scale, const float *dloss, const float *x, const float *t,
                         float *dx) {
  const vf32 s = vf32_set1(scale), one = vf32_set1(1.0f), zero = vf32_zero();
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 d = vf32_sub(load_some(x + i, n - i), load_some(t + i, n - i));
    const vf32 rest = vf32_add(d, zero); /* +0 for -0, or NaN */
    const vf32 down = vf32_select(vf32_lt(d, zero), vf32_set1(-1.0f), rest);
    const vf32 sign = vf32_select(vf32_gt(d, zero), one, down);
    store_some(dx + i, vf32_mul(dloss ? load_some(dloss + i, n - i) : s, sign), n - i);
  }
}

/* loss = slope c (|d| - c / 2), d = x - t, c = min(|d|, delta): quadratic, from delta on linear. */
static void huber_loss(size_t n, float delta, float slope, const float *x, const float *t,
                       float *loss) {
  const vf32 limit = vf32_set1(delta), k = vf32_set1(slope), half = vf32_set1(0.5f);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 d = abs_vf32(vf32_sub(load_some(x + i, n - i), load_some(t + i, n - i)));
    const vf32 c = vf32_min(limit, d); /* a NaN stands second and stays */
    store_some(loss + i, vf32_mul(vf32_mul(k, c), vf32_fnmadd(half, c, d)), n - i);
  }
}

/* dx = dloss slope max(-delta, min(d, delta)) */
static void huber_loss_grad(size_t n, float delta, float slope, float scale, const float *dloss,
                            const float *x, const float *t, float *dx) {
  const vf32 high = vf32_set1(delta), low = vf32_set1(-delta), k = vf32_set1(slope);
  const vf32 s = vf32_set1(scale);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 d = vf32_sub(load_some(x + i, n - i), load_some(t + i, n - i));
    const vf32 c = vf32_mul(k, vf32_max(low, vf32_min(high, d)));
    store_some(dx + i, vf32_mul(dloss ? load_some(dloss + i, n - i) : s, c), n - i);
  }
}

/* loss = t (ln t - x), of which ln 0 counts as 0; log_target: e^t (t - x). */
static void kl_div_loss(size_t n, int log_target, const float *x, const float *t, float *loss) {
  const vf32 zero = vf32_zero();
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 a = load_some(x + i, n - i), b = load_some(t + i, n - i);
    const vf32 log_b = log_target ? b : log_vf32(b);
    const vf32 p = log_target ? exp_vf32(b) : b;
    const vf32 entropy = log_target ? b : vf32_select(vf32_gt(p, zero), log_b, zero);
    const vf32 y = vf32_mul(p, vf32_sub(entropy, a));
    store_some(loss + i, log_target ? y : vf32_select(vf32_lt(p, zero), log_b, y), n - i);
  }
}

/* dx = -dloss t, or -dloss e^t */
static void kl_div_loss_grad(size_t n, int log_target, float scale, const float *dloss,
                             const float *t, float *dx) {
  const vf32 zero = vf32_zero(), s = vf32_set1(scale);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 b = load_some(t + i, n - i), p = log_target ? exp_vf32(b) : b;
    const vf32 d = dloss ? load_some(dloss + i, n - i) : s;
    store_some(dx + i, vf32_mul(vf32_sub(zero, d), p), n - i);
  }
}

/* Softmax of n positions over `classes` rows: y_c = exp(x_c - top) / total, top the largest x_c,
 * total the sum of the exponentials in the order of the classes (>= 1).  y may be x. */
static void softmax_columns(size_t n, size_t classes, const float *x, ptrdiff_t x_row, float *y,
                            ptrdiff_t y_row, float *top, float *total) {
  const vf32 one = vf32_set1(1.0f);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const size_t left = n - i;
    vf32 m = load_some(x + i, left), sum = vf32_zero();
    for (size_t c = 1; c < classes; c++)
      m = vf32_max_nan(m, load_some(x + (ptrdiff_t)c * x_row + i, left));
    for (size_t c = 0; c < classes; c++) {
      const vf32 e = exp_vf32(vf32_sub(load_some(x + (ptrdiff_t)c * x_row + i, left), m));
      store_some(y + (ptrdiff_t)c * y_row + i, e, left);
      sum = vf32_add(sum, e);
    }
    const vf32 share = vf32_div(one, sum);
    for (size_t c = 0; c < classes; c++) {
      float *to = y + (ptrdiff_t)c * y_row + i;
      store_some(to, vf32_mul(load_some(to, left), share), left);
    }
    store_some(top + i, m, left);
    store_some(total + i, sum, left);
  }
}
