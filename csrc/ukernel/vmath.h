/* ukernel/vmath.h - elementary functions and activations, y may be x.
 *
 * exp, log, tanh, sigmoid: polynomials fitted here for the smallest weighted error (Lawson's
 * algorithm); range reduction after Cody & Waite 1980.  Worst errors over all float32 inputs, in
 * ULP, are asserted by tests/test_ukernels.py: <= 2.  NaN stays NaN, infinities are exact.
 * Denormal inputs and results count as zero, because kernels run with denormals flushed. */

FNN_INLINE vf32 scale_vf32(vf32 a, vf32 n) {
  /* a 2^n for whole n from -150 to 128, as 2^k 2^l: one exponent field cannot hold such an n. */
#ifdef VF32_SCALE
  return VF32_SCALE(a, n);
#else
  vi32 k = vf32_to_i32(n), half = vi32_sar(k, 1), rest = vi32_sub(k, half);
  a = vf32_mul(a, vi32_as_f32(vi32_shl(vi32_add(half, vi32_set1(127)), 23)));
  return vf32_mul(a, vi32_as_f32(vi32_shl(vi32_add(rest, vi32_set1(127)), 23)));
#endif
}

FNN_INLINE vf32 exp_terms(vf32 x, vf32 *n, vi32 *power) {
  /* e^x = 2^n e^r, |r| <= ln(2)/2, returns e^r - 1 = r + r^2 q(r); relative error of e^r's fit
   * 2^-28.  ln(2) in two parts, the first with 9 trailing zero bits, so that n * hi is exact.
   * power: n in the place of the exponent, for n from -127 to 127. */
  const vf32 hi = vf32_set1(0.693359375f), lo = vf32_set1(-2.12194440e-4f);
  const vf32 magic = vf32_set1(12582912.0f); /* rounds to an integer, which its low bits show */
  vf32 shifted = vf32_fmadd(x, vf32_set1(1.44269504f), magic);
  *n = vf32_sub(shifted, magic);
  vf32 r = vf32_fnmadd(*n, lo, vf32_fnmadd(*n, hi, x));
  *power = vi32_shl(vf32_bits(shifted), 23);
  vf32 q = vf32_set1(0.00138145383f);
  q = vf32_fmadd(q, r, vf32_set1(0.00836874545f));
  q = vf32_fmadd(q, r, vf32_set1(0.041668389f));
  q = vf32_fmadd(q, r, vf32_set1(0.166665211f));
  q = vf32_fmadd(q, r, vf32_set1(0.49999994f));
  return vf32_fmadd(vf32_mul(r, r), q, r);
}

FNN_INLINE vf32 exp_vf32(vf32 x) {
  x = vf32_min(vf32_set1(89.0f), x); /* a NaN stands second and stays */
  x = vf32_max(vf32_set1(-104.0f), x);
  vf32 n;
  vi32 power;
  vf32 p = vf32_add(exp_terms(x, &n, &power), vf32_set1(1.0f));
  return scale_vf32(p, n);
}

FNN_INLINE vf32 exp_near_vf32(vf32 x) {
  /* exp for -88 <= x <= 88, where one exponent field holds the power of two. */
  const vf32 one = vf32_set1(1.0f);
  vf32 n;
  vi32 power;
  vf32 p = vf32_add(exp_terms(x, &n, &power), one);
  return vf32_mul(p, vi32_as_f32(vi32_add(power, vf32_bits(one))));
}
FNN_INLINE vf32 exp_below_vf32(vf32 x) { /* exp for x <= 0; a NaN stands second and stays */
  return exp_near_vf32(vf32_max(vf32_set1(-88.0f), x));
}

FNN_INLINE vf32 log_vf32(vf32 x) {
  /* x = 2^e (1 + f), f in [sqrt(1/2) - 1, sqrt(2) - 1]; log(1+f) = f - f^2/2 + f^3 R(f). */
  const vi32 sqrt_half = vi32_set1(0x3F3504F3);
  vi32 shifted = vi32_sub(vf32_bits(x), sqrt_half);
  vi32 k = vi32_sar(shifted, 23);
  vf32 e = vi32_to_f32(k);
  vf32 f = vf32_sub(vi32_as_f32(vi32_sub(vf32_bits(x), vi32_shl(k, 23))), vf32_set1(1.0f));
  vf32 R = vf32_set1(-0.0763442963f);
  R = vf32_fmadd(R, f, vf32_set1(0.127615497f));
  R = vf32_fmadd(R, f, vf32_set1(-0.131601945f));
  R = vf32_fmadd(R, f, vf32_set1(0.142017618f));
  R = vf32_fmadd(R, f, vf32_set1(-0.166233569f));
  R = vf32_fmadd(R, f, vf32_set1(0.200012267f));
  R = vf32_fmadd(R, f, vf32_set1(-0.250008225f));
  R = vf32_fmadd(R, f, vf32_set1(0.333333313f));
  vf32 f2 = vf32_mul(f, f);
  vf32 y = vf32_mul(vf32_mul(f2, f), R);
  y = vf32_fmadd(e, vf32_set1(-2.12194440e-4f), y);
  y = vf32_fmadd(f2, vf32_set1(-0.5f), y);
  y = vf32_add(f, y);
  y = vf32_fmadd(e, vf32_set1(0.693359375f), y);
  /* signed and unsigned at once: bits of 2^-126 to the largest are below the others after this */
  vi32 turned = vi32_sub(vf32_bits(x), vi32_set1(INT32_MIN + 0x00800000));
  if (__builtin_expect(vmask_any(vi32_gt(turned, vi32_set1(-0x01000001))), 0)) {
    const vf32 inf = vf32_set1(INFINITY);
    vf32 ax = vf32_max(x, vf32_sub(vf32_zero(), x));
    y = vf32_select(vf32_lt(x, inf), y, x); /* inf, NaN */
    y = vf32_select(vf32_lt(x, vf32_zero()), vf32_set1(NAN), y);
    y = vf32_select(vf32_lt(ax, vf32_set1(1.17549435e-38f)), vf32_sub(vf32_zero(), inf), y);
  }
  return y;
}

/* e^x - 1, |x| <= 80: 2^n (e^r - 1) + (2^n - 1); NaN stays NaN. */
FNN_INLINE vf32 expm1_vf32(vf32 x) {
  const vf32 one = vf32_set1(1.0f);
  vf32 n;
  vi32 power;
  vf32 p = exp_terms(x, &n, &power);
  vf32 scale = vi32_as_f32(vi32_add(power, vf32_bits(one)));
  return vf32_fmadd(scale, p, vf32_sub(scale, one));
}

/* tanh |x| = sum_k row[k + 1] (|x| - row[0])^k in eight intervals, two to each octave of
 * t = 1 + 1.625 |x|, where |x| = 0 is the seventh: bits 22 to 24 of t, two of its exponent and one
 * of its fraction, choose one.  The middles, row 0, are moved to where tanh is nearly a float32,
 * for the rounding of its value there counts in full. */
static const float tanh_rows[9][8] __attribute__((aligned(32))) = {
    {0.9453125f, 1.54492188f, 2.453125f, 3.68359375f, 5.51757812f, 7.97070312f, 0.0f, 0.470703125f},
    {0.737653553f, 0.912943721f, 0.985308349f, 0.998737514f, 0.999967754f, 0.999999762f, 0.0f,
     0.438767254f},
    {0.455867171f, 0.166533768f, 0.0291674882f, 0.0025233801f, 6.44901811e-05f, 4.77304582e-07f,
     1.0f, 0.807483315f},
    {-0.336273253f, -0.152035847f, -0.0287383609f, -0.00252028299f, -6.46585686e-05f,
     -4.81003326e-07f, 0.0f, -0.354299635f},
    {0.0961050838f, 0.0832886472f, 0.0185932573f, 0.0016758868f, 4.30521395e-05f, 3.18373935e-07f,
     -0.333329737f, -0.113714956f},
    {0.0412787721f, -0.0253682993f, -0.00875115767f, -0.000832505932f, -2.08885831e-05f,
     -1.4998939e-07f, -0.000113805101f, 0.168302715f},
    {-0.0525438227f, -0.000902577303f, 0.00307230512f, 0.000330009527f, 8.44819988e-06f,
     6.27767847e-08f, 0.134610593f, -0.0167501643f},
    {0.0159562919f, 0.00608358765f, -0.000699317199f, -0.000112899274f, -3.51928134e-06f,
     -2.82152648e-08f, -0.00633579632f, -0.0657064095f},
    {0.00792531483f, -0.00363478763f, 2.9733319e-05f, 3.01739765e-05f, 9.60394914e-07f,
     7.102682e-09f, -0.0413698107f, -0.0138274767f}};

FNN_INLINE vf32 tanh_vf32(vf32 x) {
  const vf32 sign = vf32_set1(-0.0f);
  vf32 ax = vf32_xor(x, vf32_and(x, sign));
  ax = vf32_min(vf32_set1(9.2f), ax); /* there it is 1; a NaN stands second and stays */
  vf32 t = vf32_fmadd(ax, vf32_set1(1.625f), vf32_set1(1.0f));
  vi32 i = vi32_sar(vf32_bits(t), 22);
  vf32 r = vf32_sub(ax, vf32_lookup8(tanh_rows[0], i)), y = vf32_lookup8(tanh_rows[8], i);
#pragma GCC unroll 7
  for (int k = 7; k; k--) y = vf32_fmadd(y, r, vf32_lookup8(tanh_rows[k], i));
  return vf32_or(y, vf32_and(x, sign)); /* -0 stays -0 */
}

FNN_INLINE vf32 minus_abs(vf32 x) { return vf32_or(x, vf32_set1(-0.0f)); }

FNN_INLINE vf32 sigmoid_vf32(vf32 x) {
  /* z / (1 + z) below zero, else 1 / (1 + z), z = e^-|x|.  The rounding error of 1 + z, known
   * exactly (Dekker 1971), is taken back: without that the worst error is 2.3 ULP. */
  const vf32 one = vf32_set1(1.0f);
  vmask negative = vf32_lt(x, vf32_zero());
  vf32 z = exp_below_vf32(minus_abs(x));
  vf32 d = vf32_add(one, z), error = vf32_sub(z, vf32_sub(d, one));
  vf32 s = vf32_div(vf32_select(negative, z, one), d);
  vf32 inverse = vf32_select(negative, vf32_sub(one, s), s);
  return vf32_fnmadd(vf32_mul(s, error), inverse, s);
}

/* ln(1 + e^-|x|), the part of softplus that is not linear: ln(1 + e) = e + e^2 R(e), e in [0, 1],
 * the fit's relative error 2^-27.5.  With rounding softplus is within 2.4 ULP. */
FNN_INLINE vf32 soft_part_vf32(vf32 x) {
  const vf32 e = exp_below_vf32(minus_abs(x));
  vf32 R = vf32_set1(-0.0033184723f);
  R = vf32_fmadd(R, e, vf32_set1(0.020204585f));
  R = vf32_fmadd(R, e, vf32_set1(-0.0576644428f));
  R = vf32_fmadd(R, e, vf32_set1(0.106805556f));
  R = vf32_fmadd(R, e, vf32_set1(-0.153553963f));
  R = vf32_fmadd(R, e, vf32_set1(0.196954012f));
  R = vf32_fmadd(R, e, vf32_set1(-0.249585867f));
  R = vf32_fmadd(R, e, vf32_set1(0.33330512f));
  R = vf32_fmadd(R, e, vf32_set1(-0.499999315f));
  return vf32_fmadd(vf32_mul(e, e), R, e);
}

FNN_INLINE vf32 relu_vf32(vf32 x) { return vf32_max(vf32_zero(), x); } /* relu(NaN) = NaN */

/* Gradients from the output y: masked, (1 - y^2), y (1 - y). */
FNN_INLINE vf32 relu_grad_vf32(vf32 dy, vf32 y) {
  return vf32_select(vf32_gt(y, vf32_zero()), dy, vf32_zero());
}
FNN_INLINE vf32 tanh_grad_vf32(vf32 dy, vf32 y) {
  return vf32_mul(dy, vf32_fnmadd(y, y, vf32_set1(1.0f)));
}
FNN_INLINE vf32 sigmoid_grad_vf32(vf32 dy, vf32 y) {
  return vf32_mul(dy, vf32_mul(y, vf32_sub(vf32_set1(1.0f), y)));
}

#define MAP1(name, f)                                                                    \
  static void name(size_t n, const float *x, float *y) {                                 \
    size_t i = 0;                                                                        \
    for (; i + VF32_LANES <= n; i += VF32_LANES) vf32_store(y + i, f(vf32_load(x + i))); \
    if (i < n) vf32_store_tail(y + i, f(vf32_load_tail(x + i, n - i)), n - i);           \
  }
#define MAP2(name, f)                                                                         \
  static void name(size_t n, const float *dy, const float *y, float *dx) {                    \
    size_t i = 0;                                                                             \
    for (; i + VF32_LANES <= n; i += VF32_LANES)                                              \
      vf32_store(dx + i, f(vf32_load(dy + i), vf32_load(y + i)));                             \
    if (i < n)                                                                                \
      vf32_store_tail(dx + i, f(vf32_load_tail(dy + i, n - i), vf32_load_tail(y + i, n - i)), \
                      n - i);                                                                 \
  }
MAP1(vexp, exp_vf32)
MAP1(vlog, log_vf32)
MAP1(vtanh, tanh_vf32)
MAP1(vsigmoid, sigmoid_vf32)
MAP1(vrelu, relu_vf32)
MAP2(vrelu_grad, relu_grad_vf32)
MAP2(vtanh_grad, tanh_grad_vf32)
MAP2(vsigmoid_grad, sigmoid_grad_vf32)

/* y[i] = act(x[i] + bias); activation as in fastnn.h, y may be x. */
#define BIAS_LOOP(f)                                                                        \
  do {                                                                                      \
    for (; i + VF32_LANES <= n; i += VF32_LANES)                                            \
      vf32_store(y + i, f(vf32_add(vf32_load(x + i), b)));                                  \
    if (i < n) vf32_store_tail(y + i, f(vf32_add(vf32_load_tail(x + i, n - i), b)), n - i); \
  } while (0)
FNN_INLINE vf32 same_vf32(vf32 x) { return x; }
static void vbias(size_t n, float bias, int activation, const float *x, float *y) {
  const vf32 b = vf32_set1(bias);
  size_t i = 0;
  if (activation == FNN_NONE)
    BIAS_LOOP(same_vf32);
  else if (activation == FNN_RELU)
    BIAS_LOOP(relu_vf32);
  else if (activation == FNN_TANH)
    BIAS_LOOP(tanh_vf32);
  else
    BIAS_LOOP(sigmoid_vf32);
}
