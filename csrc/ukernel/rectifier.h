/* ukernel/rectifier.h - smooth and hard rectifiers of x and their gradients, one pass over x each.
 *
 * Any n, no alignment; y may be x, dx may be dy or x.  Gradients start from the input x.  Fits by
 * Lawson's algorithm; ranges and errors stand with each, worst errors in
 * tests/ukernel_rectifier.py. NaN and infinities come out as the equation has them; what is
 * denormal counts as zero. */

FNN_INLINE vmask below_zero(vf32 x) { return vf32_lt(x, vf32_zero()); }

/* ---- GELU: x Phi(x), Phi the normal distribution function (Hendrycks & Gimpel 2016) */

/* Phi(-a) = sum_k row[k] (a - 7/8 n)^k in eight intervals around n = 0 ... 7; |error| 2.3e-8,
 * relative 3e-7 at a <= 3 and 6e-5 at a <= 5; above 6.5, where Phi < 4e-11, it is 0. */
static const float cdf_rows[8][8] __attribute__((aligned(32))) = {
    {0.5f, 0.190786958f, 0.0400591567f, 0.00433244836f, 0.000232629085f, 6.07162383e-06f,
     7.60496022e-08f, 4.53418025e-10f},
    {-0.398942292f, -0.272055f, -0.0862773433f, -0.0127241742f, -0.00087268115f, -2.78345942e-05f,
     -4.12895474e-07f, -2.84877077e-09f},
    {5.17978776e-07f, 0.11902348f, 0.0754928365f, 0.0167004559f, 0.00152718637f, 6.08876835e-05f,
     1.08368715e-06f, 8.72666028e-09f},
    {0.06648238f, 0.0106273796f, -0.0296567529f, -0.0124926008f, -0.00163634925f, -8.41200817e-05f,
     -1.82403448e-06f, -1.72732264e-08f},
    {5.79330517e-05f, -0.0221496746f, 0.000386753178f, 0.00541592669f, 0.00117754529f,
     8.18183034e-05f, 2.21164714e-06f, 2.47795704e-08f},
    {-0.0101919398f, 0.00227940641f, 0.00429978827f, -0.000964405539f, -0.000577966508f,
     -5.94587073e-05f, -2.10219605e-06f, -2.8696709e-08f},
    {0.000425362552f, 0.00253177783f, -0.00124739693f, -0.000311866286f, 0.00017712792f,
     3.31978808e-05f, 1.61640924e-06f, 2.90552755e-08f},
    {0.000830084085f, -0.000565303606f, -0.000155203365f, 0.000210908576f, -2.20098063e-05f,
     -1.17557693e-05f, -7.5257077e-07f, -1.84959017e-08f}};

FNN_INLINE vf32 normal_cdf_vf32(vf32 x) {
  const vf32 magic = vf32_set1(12582912.0f); /* rounds to an integer, which its low bits show */
  const vf32 width = vf32_set1(0.875f), top = vf32_set1(6.5f);
  vf32 ax = vf32_xor(minus_abs(x), vf32_set1(-0.0f));
  vf32 a = vf32_min(top, ax); /* a NaN stands second and stays */
  vf32 shifted = vf32_fmadd(a, vf32_set1(1.0f / 0.875f), magic);
  vi32 i = vf32_bits(shifted);
  vf32 r = vf32_fnmadd(vf32_sub(shifted, magic), width, a), tail = vf32_lookup8(cdf_rows[7], i);
#pragma GCC unroll 7
  for (int k = 6; k >= 0; k--) tail = vf32_fmadd(tail, r, vf32_lookup8(cdf_rows[k], i));
  tail = vf32_select(vf32_gt(ax, top), vf32_zero(), tail);
  return vf32_select(below_zero(x), tail, vf32_sub(vf32_set1(1.0f), tail));
}
FNN_INLINE vf32 gelu_vf32(vf32 x) { return vf32_mul(x, normal_cdf_vf32(x)); }
/* Phi(x) + x phi(x), phi(x) = e^(-x^2/2) / sqrt(2 pi) */
FNN_INLINE vf32 gelu_grad_vf32(vf32 dy, vf32 x) {
  vf32 e = exp_below_vf32(vf32_mul(x, vf32_mul(x, vf32_set1(-0.5f))));
  return vf32_mul(dy, vf32_fmadd(vf32_mul(x, e), vf32_set1(0.398942280f), normal_cdf_vf32(x)));
}

/* ---- SiLU x s(x) and tanh-GELU x s(2 u(x)), s the logistic sigmoid: with e = e^-|z| both are
 * x / (1 + e) for z >= 0 and x e / (1 + e) for z < 0. */

FNN_INLINE vf32 gate_vf32(vf32 x, vf32 z) {
  vf32 e = exp_below_vf32(minus_abs(z));
  vf32 top = vf32_select(below_zero(z), vf32_mul(x, e), x);
  return vf32_div(top, vf32_add(vf32_set1(1.0f), e));
}
/* dy (s(z) + x s(z) s(-z) dz) */
FNN_INLINE vf32 gate_grad_vf32(vf32 dy, vf32 x, vf32 z, vf32 dz) {
  const vf32 one = vf32_set1(1.0f);
  vf32 e = exp_below_vf32(minus_abs(z));
  vf32 large = vf32_div(one, vf32_add(one, e)), small = vf32_mul(e, large);
  vf32 bump = vf32_mul(vf32_mul(vf32_mul(x, small), large), dz);
  return vf32_mul(dy, vf32_add(vf32_select(below_zero(z), small, large), bump));
}
FNN_INLINE vf32 silu_vf32(vf32 x) { return gate_vf32(x, x); }
FNN_INLINE vf32 silu_grad_vf32(vf32 dy, vf32 x) {
  return gate_grad_vf32(dy, x, x, vf32_set1(1.0f));
}
/* 2 u = x (c + c 0.044715 x^2), c = 2 sqrt(2 / pi) */
FNN_INLINE vf32 gelu_tanh_vf32(vf32 x) {
  const vf32 c = vf32_set1(1.59576912f), cubic = vf32_set1(0.0713548163f);
  return gate_vf32(x, vf32_mul(x, vf32_fmadd(vf32_mul(x, x), cubic, c)));
}
FNN_INLINE vf32 gelu_tanh_grad_vf32(vf32 dy, vf32 x) {
  const vf32 c = vf32_set1(1.59576912f), cubic = vf32_set1(0.0713548163f);
  /* beyond |x| = 100 the gate is 0 or 1; without the bound 0 times an infinite slope is NaN */
  vf32 square = vf32_min(vf32_set1(1e4f), vf32_mul(x, x));
  vf32 z = vf32_mul(x, vf32_fmadd(square, cubic, c));
  return gate_grad_vf32(dy, x, z, vf32_fmadd(square, vf32_set1(0.214064449f), c));
}

/* ---- Mish: x tanh(ln(1 + e^x)) = x n / d (Misra 2019).  With e = e^-|x|, below zero
 * n = e (e + 2), d = n + 2; above, divided by e^2x, n = 1 + 2 e, d = n + 2 e^2. */

FNN_INLINE vf32 mish_terms(vf32 e, vmask negative, vf32 *d) {
  const vf32 one = vf32_set1(1.0f), two = vf32_set1(2.0f);
  vf32 n = vf32_select(negative, vf32_mul(e, vf32_add(e, two)), vf32_fmadd(two, e, one));
  vf32 twice = vf32_add(e, e);
  *d = vf32_add(n, vf32_select(negative, two, vf32_mul(twice, e)));
  return n;
}
FNN_INLINE vf32 mish_vf32(vf32 x) {
  vf32 d, n = mish_terms(exp_below_vf32(minus_abs(x)), below_zero(x), &d);
  return vf32_div(vf32_mul(x, n), d);
}
/* n / d + 4 x e (1 + e) / d^2, above zero times e */
FNN_INLINE vf32 mish_grad_vf32(vf32 dy, vf32 x) {
  const vf32 one = vf32_set1(1.0f), four = vf32_set1(4.0f);
  vmask negative = below_zero(x);
  vf32 d, e = exp_below_vf32(minus_abs(x)), n = mish_terms(e, negative, &d);
  vf32 inverse = vf32_div(one, d);
  vf32 m = vf32_mul(vf32_mul(four, e), vf32_add(one, e));
  m = vf32_mul(vf32_mul(vf32_select(negative, m, vf32_mul(m, e)), x), inverse);
  return vf32_mul(dy, vf32_mul(vf32_add(n, m), inverse));
}

/* ---- the hard ones (Howard et al. 2019): hardsigmoid min(max(x + 3, 0), 6) / 6, hardswish x times
 * that.  At the edges their gradients are PyTorch's. */

FNN_INLINE vf32 hardsigmoid_vf32(vf32 x) {
  vf32 c = vf32_max(vf32_zero(), vf32_add(x, vf32_set1(3.0f))); /* a NaN stands second */
  return vf32_mul(vf32_min(vf32_set1(6.0f), c), vf32_set1(0.166666672f));
}
FNN_INLINE vf32 hardsigmoid_grad_vf32(vf32 dy, vf32 x) {
  vf32 g = vf32_mul(dy, vf32_set1(0.166666672f));
  g = vf32_select(vf32_lt(x, vf32_set1(3.0f)), g, vf32_zero());
  return vf32_select(vf32_gt(x, vf32_set1(-3.0f)), g, vf32_zero());
}
FNN_INLINE vf32 hardswish_vf32(vf32 x) { return vf32_mul(x, hardsigmoid_vf32(x)); }
FNN_INLINE vf32 hardswish_grad_vf32(vf32 dy, vf32 x) {
  /* (2 x + 3) / 6: exactly 0 at -1.5 */
  vf32 slope = vf32_mul(vf32_add(vf32_add(x, x), vf32_set1(3.0f)), vf32_set1(0.166666672f));
  vf32 g = vf32_select(vf32_lt(x, vf32_set1(3.0f)), vf32_mul(dy, slope), dy);
  /* the float32 above -3, so that -3 itself is below it */
  return vf32_select(vf32_lt(x, vf32_set1(-2.99999976f)), vf32_zero(), g);
}

MAP1(vgelu, gelu_vf32)
MAP1(vgelu_tanh, gelu_tanh_vf32)
MAP1(vsilu, silu_vf32)
MAP1(vmish, mish_vf32)
MAP1(vhardsigmoid, hardsigmoid_vf32)
MAP1(vhardswish, hardswish_vf32)
MAP2(vgelu_grad, gelu_grad_vf32)
MAP2(vgelu_tanh_grad, gelu_tanh_grad_vf32)
MAP2(vsilu_grad, silu_grad_vf32)
MAP2(vmish_grad, mish_grad_vf32)
MAP2(vhardsigmoid_grad, hardsigmoid_grad_vf32)
MAP2(vhardswish_grad, hardswish_grad_vf32)

/* ---- ELU, SELU, CELU (Clevert 2016, Klambauer 2017, Barron 2017), p = {a, scale, k}, k > 0:
 * scale x above zero, else a (e^(k x) - 1).  dx = scale dy where x > 0 or NaN, else a k e^(k x) dy.
 */

static void velu(size_t n, const float *p, const float *x, float *y) {
  const vf32 a = vf32_set1(p[0]), scale = vf32_set1(p[1]), k = vf32_set1(p[2]);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 v = load_some(x + i, n - i);
    /* e^-80 - 1 is -1; NaN stands second and stays */
    const vf32 z = vf32_max(vf32_set1(-80.0f), vf32_min(vf32_zero(), vf32_mul(k, v)));
    const vf32 low = vf32_mul(a, expm1_vf32(z));
    store_some(y + i, vf32_select(vf32_gt(v, vf32_zero()), vf32_mul(scale, v), low), n - i);
  }
}
static void velu_grad(size_t n, const float *p, const float *dy, const float *x, float *dx) {
  const vf32 ak = vf32_set1(p[0] * p[2]), scale = vf32_set1(p[1]), k = vf32_set1(p[2]);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 v = load_some(x + i, n - i), d = load_some(dy + i, n - i);
    const vf32 e = exp_below_vf32(vf32_min(vf32_zero(), vf32_mul(k, v)));
    const vmask linear = vmask_or(vf32_gt(v, vf32_zero()), vf32_isnan(v));
    store_some(dx + i, vf32_mul(d, vf32_select(linear, scale, vf32_mul(ak, e))), n - i);
  }
}

/* ---- softplus (Dugas et al. 2001), p = {beta, threshold, 1 / beta}: ln(1 + e^(beta x)) / beta as
 * (max(z, 0) + ln(1 + e^-|z|)) / beta, z = beta x; x itself where z > threshold.
 * dx = dy s(z), or dy. */

static void vsoftplus(size_t n, const float *p, const float *x, float *y) {
  const vf32 beta = vf32_set1(p[0]), threshold = vf32_set1(p[1]), inverse = vf32_set1(p[2]);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 v = load_some(x + i, n - i), z = vf32_mul(beta, v);
    const vf32 small = soft_part_vf32(z);
    const vf32 sum = vf32_mul(vf32_add(vf32_max(vf32_zero(), z), small), inverse);
    store_some(y + i, vf32_select(vf32_gt(z, threshold), v, sum), n - i);
  }
}
static void vsoftplus_grad(size_t n, const float *p, const float *dy, const float *x, float *dx) {
  const vf32 beta = vf32_set1(p[0]), threshold = vf32_set1(p[1]);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 z = vf32_mul(beta, load_some(x + i, n - i)), d = load_some(dy + i, n - i);
    const vf32 soft = vf32_mul(d, sigmoid_vf32(z));
    store_some(dx + i, vf32_select(vf32_gt(z, threshold), d, soft), n - i);
  }
}
