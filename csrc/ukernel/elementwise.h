/* ukernel/elementwise.h - + - * / of arrays and numbers, leaky ReLU.  Any n, no alignment. */

FNN_INLINE vf32 add_relu_vf32(vf32 x, vf32 y) { return relu_vf32(vf32_add(x, y)); }

/* dx = dy op y, and max(dy + y, 0) of which NaN stays NaN; dx may be dy or y. */
MAP2(vadd_pair, vf32_add)
MAP2(vadd_relu, add_relu_vf32)
MAP2(vsub_pair, vf32_sub)
MAP2(vmul_pair, vf32_mul)
MAP2(vdiv_pair, vf32_div)

FNN_INLINE vf32 load_some(const float *p, size_t n) {
  return n >= VF32_LANES ? vf32_load(p) : vf32_load_tail(p, n);
}
FNN_INLINE void store_some(float *p, vf32 v, size_t n) {
  if (n >= VF32_LANES)
    vf32_store(p, v);
  else
    vf32_store_tail(p, v, n);
}

/* y = x op s, and s op x for the two that begin with s, p = {s}; y may be x. */
#define MAP_NUMBER(name, f)                                                                 \
  static void name(size_t n, const float *p, const float *x, float *y) {                    \
    const vf32 s = vf32_set1(p[0]);                                                         \
    size_t i = 0;                                                                           \
    for (; i + VF32_LANES <= n; i += VF32_LANES) vf32_store(y + i, f(vf32_load(x + i), s)); \
    if (i < n) vf32_store_tail(y + i, f(vf32_load_tail(x + i, n - i), s), n - i);           \
  }
FNN_INLINE vf32 sub_from_vf32(vf32 x, vf32 s) { return vf32_sub(s, x); }
FNN_INLINE vf32 div_into_vf32(vf32 x, vf32 s) { return vf32_div(s, x); }
MAP_NUMBER(vadd_number, vf32_add)
MAP_NUMBER(vsub_number, vf32_sub)
MAP_NUMBER(vmul_number, vf32_mul)
MAP_NUMBER(vdiv_number, vf32_div)
MAP_NUMBER(number_vsub, sub_from_vf32)
MAP_NUMBER(number_vdiv, div_into_vf32)

/* y = x where x > 0, else slope x, p = {slope}; y may be x. */
static void vleaky_relu(size_t n, const float *p, const float *x, float *y) {
  const vf32 s = vf32_set1(p[0]), zero = vf32_zero();
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 a = load_some(x + i, n - i);
    store_some(y + i, vf32_select(vf32_gt(a, zero), a, vf32_mul(s, a)), n - i);
  }
}

/* dx = dy where x > 0, else slope dy; dx may be dy or x. */
static void vleaky_relu_grad(size_t n, const float *p, const float *dy, const float *x, float *dx) {
  const vf32 s = vf32_set1(p[0]), zero = vf32_zero();
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 d = load_some(dy + i, n - i);
    const vmask positive = vf32_gt(load_some(x + i, n - i), zero);
    store_some(dx + i, vf32_select(positive, d, vf32_mul(s, d)), n - i);
  }
}
