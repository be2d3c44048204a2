/* ukernel/update_adaptive.h - optimizer steps that divide by the gradients' size: the family of
 * Adagrad and Adam.  Contract, decays and loop as in ukernel/update.h. */

/* m + (1 - beta1) (g - m) */
FNN_INLINE vf32 mean_grad(const fnn_step *s, vf32 g, vf32 m) {
  return vf32_fmadd(vf32_set1(s->keep1), vf32_sub(g, m), m);
}

/* Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 1; top, the largest v so far, may be NULL (Reddi
 * et al. 2018, arXiv:1904.09237).  lr holds the first correction, root is that of the second. */
FNN_INLINE void adam_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *m, vf32 *v, vf32 *top) {
  g = decayed_grad(s, p, g);
  *m = mean_grad(s, g, *m);
  *v = mean_square(s, g, *v);
  if (top) *top = vf32_max(*top, *v);
  vf32 root = vf32_sqrt(top ? *top : *v);
  vf32 denom = vf32_fmadd(root, vf32_set1(s->root), vf32_set1(s->eps));
  *p = vf32_fnmadd(vf32_set1(s->lr), vf32_div(*m, denom), *p);
}
FNN_UPDATE(adam)

/* Dozat 2016 (Incorporating Nesterov momentum into Adam): (lr_grad g + lr m) / denom. */
FNN_INLINE void nadam_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *m, vf32 *v, vf32 *c) {
  (void)c;
  g = decayed_grad(s, p, g);
  *m = mean_grad(s, g, *m);
  *v = mean_square(s, g, *v);
  vf32 denom = vf32_fmadd(vf32_sqrt(*v), vf32_set1(s->root), vf32_set1(s->eps));
  vf32 step = vf32_fmadd(vf32_set1(s->lr_grad), g, vf32_mul(vf32_set1(s->lr), *m));
  *p = vf32_sub(*p, vf32_div(step, denom));
}
FNN_UPDATE(nadam)

/* Liu et al. 2020 (arXiv:1908.03265): without division until the variance can be told. */
FNN_INLINE void radam_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *m, vf32 *v, vf32 *c) {
  (void)c;
  g = decayed_grad(s, p, g);
  *m = mean_grad(s, g, *m);
  *v = mean_square(s, g, *v);
  vf32 step = *m;
  if (s->rectified) step = vf32_div(step, vf32_add(vf32_sqrt(*v), vf32_set1(s->eps)));
  *p = vf32_fnmadd(vf32_set1(s->lr), step, *p);
}
FNN_UPDATE(radam)

/* Kingma & Ba 2015, Algorithm 2: u is the decayed largest |g|. */
FNN_INLINE void adamax_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *m, vf32 *u, vf32 *c) {
  (void)c;
  g = decayed_grad(s, p, g);
  *m = mean_grad(s, g, *m);
  vf32 size = vf32_and(g, vi32_as_f32(vi32_set1(0x7FFFFFFF)));
  *u = vf32_max(vf32_mul(vf32_set1(s->beta2), *u), vf32_add(size, vf32_set1(s->eps)));
  *p = vf32_fnmadd(vf32_set1(s->lr), vf32_div(*m, *u), *p);
}
FNN_UPDATE(adamax)

/* Tieleman & Hinton 2012, lecture 6.5; mean (Graves 2013, arXiv:1308.0850) and buf may be NULL.
 * Rounding can make v - mean^2 negative: it counts as 0. */
FNN_INLINE void rmsprop_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *v, vf32 *mean, vf32 *buf) {
  g = decayed_grad(s, p, g);
  *v = mean_square(s, g, *v);
  vf32 variance = *v;
  if (mean) {
    *mean = vf32_fmadd(vf32_set1(s->keep2), vf32_sub(g, *mean), *mean);
    variance = vf32_max(vf32_zero(), vf32_fnmadd(*mean, *mean, variance)); /* keeps NaN */
  }
  vf32 step = vf32_div(g, vf32_add(vf32_sqrt(variance), vf32_set1(s->eps)));
  if (buf) step = *buf = vf32_fmadd(vf32_set1(s->momentum), *buf, step);
  *p = vf32_fnmadd(vf32_set1(s->lr), step, *p);
}
FNN_UPDATE(rmsprop)

/* Duchi et al. 2011: sum of all squares. */
FNN_INLINE void adagrad_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *sum, vf32 *b, vf32 *c) {
  (void)b, (void)c;
  g = decayed_grad(s, p, g);
  *sum = vf32_fmadd(g, g, *sum);
  vf32 denom = vf32_add(vf32_sqrt(*sum), vf32_set1(s->eps));
  *p = vf32_fnmadd(vf32_set1(s->lr), vf32_div(g, denom), *p);
}
FNN_UPDATE(adagrad)

/* Zeiler 2012 (arXiv:1212.5701), Algorithm 1: x is the mean square of the steps before. */
FNN_INLINE void adadelta_vector(const fnn_step *s, vf32 *p, vf32 g, vf32 *v, vf32 *x, vf32 *c) {
  (void)c;
  g = decayed_grad(s, p, g);
  *v = mean_square(s, g, *v);
  const vf32 eps = vf32_set1(s->eps);
  vf32 ratio = vf32_div(vf32_sqrt(vf32_add(*x, eps)), vf32_sqrt(vf32_add(*v, eps)));
  vf32 step = vf32_mul(ratio, g);
  *x = mean_square(s, step, *x);
  *p = vf32_fnmadd(vf32_set1(s->lr), step, *p);
}
FNN_UPDATE(adadelta)
