/* ukernel/update.h - one parameter array of an optimizer step, in place, in PyTorch's order of
 * operations.  n elements, no alignment; the arrays do not overlap. */

/* maximize, L2 (weight_decay * p) and L1 (l1_decay * sign(p)) folded into the gradient. */
FNN_INLINE vf32 decayed_grad(vf32 g, vf32 p, int maximize, float weight_decay, float l1_decay) {
  const vf32 sign = vf32_set1(-0.0f);
  if (maximize) g = vf32_xor(g, sign);
  if (weight_decay != 0.0f) g = vf32_fmadd(vf32_set1(weight_decay), p, g);
  if (l1_decay != 0.0f) {
    vf32 step = vf32_or(vf32_and(p, sign), vf32_set1(l1_decay));
    vmask nonzero = vmask_or(vf32_lt(p, vf32_zero()), vf32_gt(p, vf32_zero()));
    g = vf32_add(g, vf32_select(nonzero, step, vf32_zero()));
  }
  return g;
}

FNN_INLINE void sgd_vector(const fnn_sgd *s, vf32 *p, vf32 g, vf32 *b) {
  g = decayed_grad(g, *p, s->maximize, s->weight_decay, s->l1_decay);
  if (b) {
    const vf32 momentum = vf32_set1(s->momentum);
    *b = s->first ? g : vf32_fmadd(momentum, *b, vf32_mul(vf32_set1(s->keep), g));
    g = s->nesterov ? vf32_fmadd(momentum, *b, g) : *b;
  }
  *p = vf32_fnmadd(vf32_set1(s->lr), g, *p);
}

/* Stochastic gradient descent with (Nesterov) momentum: Sutskever et al. 2013. buf may be NULL. */
static void sgd_update(size_t n, const fnn_sgd *s, float *param, const float *grad, float *buf) {
  const fnn_sgd k = *s; /* a copy that no store below can change */
  const int old = buf && !k.first;
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES) {
    vf32 p = vf32_load(param + i), b = old ? vf32_load(buf + i) : vf32_zero();
    sgd_vector(&k, &p, vf32_load(grad + i), buf ? &b : NULL);
    vf32_store(param + i, p);
    if (buf) vf32_store(buf + i, b);
  }
  if (i < n) {
    const size_t t = n - i;
    vf32 p = vf32_load_tail(param + i, t), b = old ? vf32_load_tail(buf + i, t) : vf32_zero();
    sgd_vector(&k, &p, vf32_load_tail(grad + i, t), buf ? &b : NULL);
    vf32_store_tail(param + i, p, t);
    if (buf) vf32_store_tail(buf + i, b, t);
  }
}

FNN_INLINE void adam_vector(const fnn_adam *s, vf32 *p, vf32 g, vf32 *m, vf32 *v) {
  g = decayed_grad(g, *p, s->maximize, s->weight_decay, s->l1_decay);
  *m = vf32_fmadd(vf32_set1(s->one_minus_beta1), vf32_sub(g, *m), *m);
  vf32 square = vf32_mul(vf32_mul(vf32_set1(s->one_minus_beta2), g), g);
  *v = vf32_fmadd(vf32_set1(s->beta2), *v, square);
  vf32 denom = vf32_fmadd(vf32_sqrt(*v), vf32_set1(s->inv_sqrt_correction2), vf32_set1(s->eps));
  *p = vf32_fnmadd(vf32_set1(s->step_size), vf32_div(*m, denom), *p);
}

/* Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 1. */
static void adam_update(size_t n, const fnn_adam *s, float *param, const float *grad, float *m,
                        float *v) {
  const fnn_adam k = *s;
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES) {
    vf32 p = vf32_load(param + i), mi = vf32_load(m + i), vi = vf32_load(v + i);
    adam_vector(&k, &p, vf32_load(grad + i), &mi, &vi);
    vf32_store(param + i, p);
    vf32_store(m + i, mi);
    vf32_store(v + i, vi);
  }
  if (i < n) {
    const size_t t = n - i;
    vf32 p = vf32_load_tail(param + i, t), mi = vf32_load_tail(m + i, t),
         vi = vf32_load_tail(v + i, t);
    adam_vector(&k, &p, vf32_load_tail(grad + i, t), &mi, &vi);
    vf32_store_tail(param + i, p, t);
    vf32_store_tail(m + i, mi, t);
    vf32_store_tail(v + i, vi, t);
  }
}
