/* ukernel/bce.h - binary cross-entropy of targets t in [0, 1], from logits or probabilities.
 *
 * weight and pos_weight may be NULL (1).  Gradients are multiplied by dloss[i], or by scale if
 * dloss is NULL. */

/* ln(1 + y), y > -1 or y = -1 (-inf): the rounding error of 1 + y is taken back. */
FNN_INLINE vf32 log1p_vf32(vf32 y) {
  const vf32 one = vf32_set1(1.0f), u = vf32_add(one, y);
  const vf32 lost = vf32_div(vf32_sub(y, vf32_sub(u, one)), u);
  return vf32_add(log_vf32(u), vf32_select(vf32_gt(u, vf32_zero()), lost, vf32_zero()));
}

/* loss = weight ((1 - t) x + (1 + (pos_weight - 1) t) ln(1 + e^-x)) */
static void bce_logits(size_t n, const float *x, const float *t, const float *weight,
                       const float *pos_weight, float *loss) {
  const vf32 one = vf32_set1(1.0f), zero = vf32_zero();
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 a = load_some(x + i, n - i), b = load_some(t + i, n - i);
    vf32 y = vf32_add(soft_part_vf32(a), vf32_max(vf32_sub(zero, a), zero));
    if (pos_weight) {
      const vf32 more = vf32_sub(load_some(pos_weight + i, n - i), one);
      y = vf32_mul(vf32_fmadd(more, b, one), y);
    }
    y = vf32_fmadd(vf32_sub(one, b), a, y);
    if (weight) y = vf32_mul(load_some(weight + i, n - i), y);
    store_some(loss + i, y, n - i);
  }
}

/* dx = dloss weight ((1 - t + pos_weight t) sigmoid(x) - pos_weight t) */
static void bce_logits_grad(size_t n, float scale, const float *dloss, const float *x,
                            const float *t, const float *weight, const float *pos_weight,
                            float *dx) {
  const vf32 one = vf32_set1(1.0f), s = vf32_set1(scale);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 p = sigmoid_vf32(load_some(x + i, n - i)), b = load_some(t + i, n - i);
    vf32 d = vf32_sub(p, b);
    if (pos_weight) {
      const vf32 positive = vf32_mul(load_some(pos_weight + i, n - i), b);
      d = vf32_sub(vf32_mul(vf32_add(vf32_sub(one, b), positive), p), positive);
    }
    if (weight) d = vf32_mul(load_some(weight + i, n - i), d);
    store_some(dx + i, vf32_mul(dloss ? load_some(dloss + i, n - i) : s, d), n - i);
  }
}

/* loss = -weight (t max(ln p, -100) + (1 - t) max(ln(1 - p), -100)) */
static void bce_probs(size_t n, const float *p, const float *t, const float *weight, float *loss) {
  const vf32 one = vf32_set1(1.0f), zero = vf32_zero(), least = vf32_set1(-100.0f);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 a = load_some(p + i, n - i), b = load_some(t + i, n - i);
    const vf32 yes = vf32_max(log_vf32(a), least);
    const vf32 no = vf32_max(log1p_vf32(vf32_sub(zero, a)), least);
    vf32 y = vf32_fnmadd(b, yes, vf32_mul(vf32_sub(b, one), no));
    if (weight) y = vf32_mul(load_some(weight + i, n - i), y);
    store_some(loss + i, y, n - i);
  }
}

/* dp = dloss weight (p - t) / max(p (1 - p), 1e-12) */
static void bce_probs_grad(size_t n, float scale, const float *dloss, const float *p,
                           const float *t, const float *weight, float *dp) {
  const vf32 one = vf32_set1(1.0f), s = vf32_set1(scale), least = vf32_set1(1e-12f);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 a = load_some(p + i, n - i), b = load_some(t + i, n - i);
    const vf32 spread = vf32_max(vf32_mul(vf32_sub(one, a), a), least);
    vf32 d = vf32_div(vf32_sub(a, b), spread);
    if (weight) d = vf32_mul(load_some(weight + i, n - i), d);
    store_some(dp + i, vf32_mul(dloss ? load_some(dloss + i, n - i) : s, d), n - i);
  }
}
