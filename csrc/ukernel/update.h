/* ukernel/update.h - one parameter array of an optimizer step, in place, in PyTorch's order of
 * operations.  n elements, no alignment; the arrays do not overlap.  a, b and c are the states that
 * the rule names (NULL where it has none); fnn_step holds its scalars, computed in double. */

/* 1, -1, or x itself where it is 0 or NaN. */
FNN_INLINE vf32 vf32_sign(vf32 x) {
  vmask nonzero = vmask_or(vf32_lt(x, vf32_zero()), vf32_gt(x, vf32_zero()));
  vf32 one = vf32_or(vf32_and(x, vf32_set1(-0.0f)), vf32_set1(1.0f));
  return vf32_select(nonzero, one, x);
}

/* maximize and the decays: into the gradient, or, decoupled from it, into p. */
FNN_INLINE vf32 decayed_grad(const fnn_step *s, vf32 *p, vf32 g) {
  if (s->maximize) g = vf32_xor(g, vf32_set1(-0.0f));
  if (s->weight_decay != 0.0f) g = vf32_fmadd(vf32_set1(s->weight_decay), *p, g);
  if (s->l1_decay != 0.0f) g = vf32_fmadd(vf32_set1(s->l1_decay), vf32_sign(*p), g);
  if (s->decoupled) {
    vf32 l1 = vf32_mul(vf32_set1(s->l1_shrink), vf32_sign(*p));
    *p = vf32_sub(vf32_mul(vf32_set1(s->shrink), *p), l1);
  }
  return g;
}

/* beta2 v + (1 - beta2) g^2 */
FNN_INLINE vf32 mean_square(const fnn_step *s, vf32 g, vf32 v) {
  return vf32_fmadd(vf32_set1(s->beta2), v, vf32_mul(vf32_mul(vf32_set1(s->keep2), g), g));
}

/* Arrays in turn, read and written, are more than the hardware follows by itself: asked for 2 KiB
 * early, Adam of 5M is 1.4 times as fast, SGD 1.2 times (pytest bench -k 5M). */
#define FNN_EARLY(p) __builtin_prefetch((p) + 512)

/* name_update from name_vector, which changes one vector of each array. */
#define FNN_UPDATE(name)                                                                       \
  static void name##_update(size_t n, const fnn_step *s, float *param, const float *grad,      \
                            float *a, float *b, float *c) {                                    \
    const fnn_step k = *s; /* a copy that no store below can change */                         \
    vf32 p, x = vf32_zero(), y = x, z = x;                                                     \
    size_t i = 0;                                                                              \
    for (; i + VF32_LANES <= n; i += VF32_LANES) {                                             \
      FNN_EARLY(param + i), FNN_EARLY(grad + i);                                               \
      if (a) FNN_EARLY(a + i);                                                                 \
      if (b) FNN_EARLY(b + i);                                                                 \
      if (c) FNN_EARLY(c + i);                                                                 \
      p = vf32_load(param + i);                                                                \
      if (a) x = vf32_load(a + i);                                                             \
      if (b) y = vf32_load(b + i);                                                             \
      if (c) z = vf32_load(c + i);                                                             \
      name##_vector(&k, &p, vf32_load(grad + i), a ? &x : NULL, b ? &y : NULL, c ? &z : NULL); \
      vf32_store(param + i, p);                                                                \
      if (a) vf32_store(a + i, x);                                                             \
      if (b) vf32_store(b + i, y);                                                             \
      if (c) vf32_store(c + i, z);                                                             \
    }                                                                                          \
    if (i < n) {                                                                               \
      const size_t t = n - i;                                                                  \
      p = vf32_load_tail(param + i, t);                                                        \
      if (a) x = vf32_load_tail(a + i, t);                                                     \
      if (b) y = vf32_load_tail(b + i, t);                                                     \
      if (c) z = vf32_load_tail(c + i, t);                                                     \
      name##_vector(&k, &p, vf32_load_tail(grad + i, t), a ? &x : NULL, b ? &y : NULL,         \
                    c ? &z : NULL);                                                            \
      vf32_store_tail(param + i, p, t);                                                        \
      if (a) vf32_store_tail(a + i, x, t);                                                     \
      if (b) vf32_store_tail(b + i, y, t);                                                     \
      if (c) vf32_store_tail(c + i, z, t);                                                     \
    }                                                                                          \
  }

/* Stochastic gradient descent with (Nesterov) momentum: Sutskever et al. 2013.  buf may be NULL;
 * at the first step what it holds does not count. */
FNN_INLINE void sgd_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *buf, vf32 *b, vf32 *c) {
  (void)b, (void)c;
  g = decayed_grad(s, p, g);
  if (buf) {
    const vf32 momentum = vf32_set1(s->momentum);
    *buf = s->first ? g : vf32_fmadd(momentum, *buf, vf32_mul(vf32_set1(s->keep1), g));
    g = s->nesterov ? vf32_fmadd(momentum, *buf, g) : *buf;
  }
  *p = vf32_fnmadd(vf32_set1(s->lr), g, *p);
}
FNN_UPDATE(sgd)

/* Chen et al. 2023 (arXiv:2302.06675), Algorithm 2: the sign of a mean of gradients. */
FNN_INLINE void lion_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *m, vf32 *b, vf32 *c) {
  (void)b, (void)c;
  g = decayed_grad(s, p, g);
  vf32 mean = vf32_fmadd(vf32_set1(s->beta1), *m, vf32_mul(vf32_set1(s->keep1), g));
  *p = vf32_fnmadd(vf32_set1(s->lr), vf32_sign(mean), *p);
  *m = vf32_fmadd(vf32_set1(s->beta2), *m, vf32_mul(vf32_set1(s->keep2), g));
}
FNN_UPDATE(lion)

/* Riedmiller & Braun 1993; where the gradient's sign changes there is no step, and no memory. */
FNN_INLINE void rprop_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *prev, vf32 *size, vf32 *c) {
  (void)c;
  g = decayed_grad(s, p, g);
  const vf32 product = vf32_mul(g, *prev), zero = vf32_zero();
  const vmask turned = vf32_lt(product, zero);
  vf32 factor = vf32_select(turned, vf32_set1(s->eta_minus), vf32_set1(1.0f));
  factor = vf32_select(vf32_gt(product, zero), vf32_set1(s->eta_plus), factor);
  *size = vf32_max(vf32_mul(*size, factor), vf32_set1(s->smallest));
  *size = vf32_min(*size, vf32_set1(s->largest));
  g = vf32_select(turned, zero, g);
  *p = vf32_fnmadd(vf32_sign(g), *size, *p);
  *prev = g;
}
FNN_UPDATE(rprop)
