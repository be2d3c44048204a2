/* ukernel/attention.h - rows of scores between products: softmax against a running maximum (Milakov
 * & Gimelshein 2018, arXiv:1805.02867) and its gradient (Dao et al. 2022, arXiv:2205.14135).
 * Any n, no alignment.  The products run between them; see _kernels/attention.pyx. */

/* y = exp(x - shift), which may be x; returns the sum in the order of reduce.h. */
static float vexp_sum(size_t n, const float *x, float shift, float *y) {
  return exp_shifted(n, x, shift, y, 1);
}

/* s = -inf where keep is 0, else as it is. */
static void vmask_out(size_t n, const uint8_t *keep, float *s) {
  const vf32 out = vf32_set1(-INFINITY);
  const vi32 zero = vi32_set1(0);
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    vf32_store(s + i, vf32_select(vi32_eq(vi32_load_u8(keep + i), zero), out, vf32_load(s + i)));
  if (i < n)
    vf32_store_tail(s + i,
                    vf32_select(vi32_eq(vi32_load_u8_tail(keep + i, n - i), zero), out,
                                vf32_load_tail(s + i, n - i)),
                    n - i);
}

FNN_INLINE vf32 attention_ds(vf32 p, vf32 dp, vf32 delta, vf32 scale) {
  return vf32_mul(scale, vf32_mul(p, vf32_sub(dp, delta)));
}

/* s becomes p = exp(s - shift), with shift the row's log-sum-exp its probabilities; dp, their
 * gradient, becomes scale * p * (dp - delta). */
static void attention_grad(size_t n, float shift, float delta, float scale, float *s, float *dp) {
  const vf32 m = vf32_set1(shift), d = vf32_set1(delta), k = vf32_set1(scale);
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES) {
    const vf32 p = exp_vf32(vf32_sub(vf32_load(s + i), m));
    vf32_store(dp + i, attention_ds(p, vf32_load(dp + i), d, k));
    vf32_store(s + i, p);
  }
  if (i < n) {
    const vf32 p = exp_vf32(vf32_sub(vf32_load_tail(s + i, n - i), m));
    vf32_store_tail(dp + i, attention_ds(p, vf32_load_tail(dp + i, n - i), d, k), n - i);
    vf32_store_tail(s + i, p, n - i);
  }
}
