/* ukernel/reduce.h - sums and maxima with one order for every vector width.
 *
 * Sixteen virtual lanes: element i belongs to lane i % 16, each lane adds its elements in order,
 * and the lanes are combined as a fixed tree (j and j + 8, then + 4, + 2, + 1).  A missing element
 * counts as zero. */

#define VL16 (16 / VF32_LANES) /* vectors that make sixteen lanes */

typedef struct {
  vf32 v[VL16];
} vl16;

FNN_INLINE vl16 vl16_set1(float x) {
  vl16 r;
#pragma GCC unroll 4
  for (int q = 0; q < VL16; q++) r.v[q] = vf32_set1(x);
  return r;
}
FNN_INLINE vl16 vl16_load(const float *p) {
  vl16 r;
#pragma GCC unroll 4
  for (int q = 0; q < VL16; q++) r.v[q] = vf32_load(p + q * VF32_LANES);
  return r;
}
/* n in [1, 15] elements exist; the others are `fill`. */
FNN_INLINE vl16 vl16_load_tail(const float *p, size_t n, float fill) {
  vl16 r;
#pragma GCC unroll 4
  for (int q = 0; q < VL16; q++) {
    const size_t first = (size_t)q * VF32_LANES;
    r.v[q] = n >= first + VF32_LANES ? vf32_load(p + first)
             : n > first             ? vf32_load_tail_or(p + first, n - first, fill)
                                     : vf32_set1(fill);
  }
  return r;
}
FNN_INLINE float vl16_sum(vl16 a) {
#pragma GCC unroll 2
  for (int w = VL16 / 2; w; w /= 2)
    for (int q = 0; q < w; q++) a.v[q] = vf32_add(a.v[q], a.v[q + w]);
  vf32 s = a.v[0];
#pragma GCC unroll 4
  for (int half = VF32_LANES / 2; half; half /= 2) s = vf32_add(s, vf32_high(s, half));
  return vf32_first(s);
}
/* The larger one; NaN if either is. */
FNN_INLINE vf32 vf32_max_nan(vf32 a, vf32 b) {
  return vf32_select(vf32_isnan(a), a, vf32_max(a, b)); /* max gives b if one is NaN */
}
FNN_INLINE float vl16_max(vl16 a) {
#pragma GCC unroll 2
  for (int w = VL16 / 2; w; w /= 2)
    for (int q = 0; q < w; q++) a.v[q] = vf32_max_nan(a.v[q], a.v[q + w]);
  vf32 s = a.v[0];
#pragma GCC unroll 4
  for (int half = VF32_LANES / 2; half; half /= 2) s = vf32_max_nan(s, vf32_high(s, half));
  return vf32_first(s);
}
#define VL16_EACH(stmt)                                              \
  do {                                                               \
    _Pragma("GCC unroll 4") for (int q = 0; q < VL16; q++) { stmt; } \
  } while (0)

static float vsum(size_t n, const float *x) {
  vl16 s = vl16_set1(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    vl16 a = vl16_load(x + i);
    VL16_EACH(s.v[q] = vf32_add(s.v[q], a.v[q]));
  }
  if (i < n) {
    vl16 a = vl16_load_tail(x + i, n - i, 0.0f);
    VL16_EACH(s.v[q] = vf32_add(s.v[q], a.v[q]));
  }
  return vl16_sum(s);
}

/* Largest element, n >= 1; a NaN anywhere gives NaN. */
static float vmax(size_t n, const float *x) {
  vl16 s = vl16_set1(-INFINITY);
  size_t i = 0;
  for (; i < n; i += 16) {
    vl16 a = i + 16 <= n ? vl16_load(x + i) : vl16_load_tail(x + i, n - i, -INFINITY);
    VL16_EACH(s.v[q] = vf32_max_nan(s.v[q], a.v[q]));
  }
  return vl16_max(s);
}

static float vdot(size_t n, const float *x, const float *y) {
  vl16 s = vl16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    vl16 a = i + 16 <= n ? vl16_load(x + i) : vl16_load_tail(x + i, n - i, 0.0f);
    vl16 b = i + 16 <= n ? vl16_load(y + i) : vl16_load_tail(y + i, n - i, 0.0f);
    VL16_EACH(s.v[q] = vf32_fmadd(a.v[q], b.v[q], s.v[q]));
  }
  return vl16_sum(s);
}

/* sum (x - t)^2 */
static float vsqdiff(size_t n, const float *x, const float *t) {
  vl16 s = vl16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    vl16 a = i + 16 <= n ? vl16_load(x + i) : vl16_load_tail(x + i, n - i, 0.0f);
    vl16 b = i + 16 <= n ? vl16_load(t + i) : vl16_load_tail(t + i, n - i, 0.0f);
    VL16_EACH(vf32 d = vf32_sub(a.v[q], b.v[q]); s.v[q] = vf32_fmadd(d, d, s.v[q]));
  }
  return vl16_sum(s);
}

/* y += x */
static void vadd(size_t n, const float *x, float *y) {
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    vf32_store(y + i, vf32_add(vf32_load(y + i), vf32_load(x + i)));
  for (; i < n; i++) y[i] += x[i];
}

/* y = scale * x; y may be x. */
static void vscale(size_t n, float scale, const float *x, float *y) {
  const vf32 s = vf32_set1(scale);
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES) vf32_store(y + i, vf32_mul(s, vf32_load(x + i)));
  for (; i < n; i++) y[i] = scale * x[i];
}

/* y += scale * x */
static void vaxpy(size_t n, float scale, const float *x, float *y) {
  const vf32 s = vf32_set1(scale);
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    vf32_store(y + i, vf32_fmadd(s, vf32_load(x + i), vf32_load(y + i)));
  if (i < n)
    vf32_store_tail(
        y + i, vf32_fmadd(s, vf32_load_tail(x + i, n - i), vf32_load_tail(y + i, n - i)), n - i);
}

/* dx = scale * (x - t) */
static void vscaled_diff(size_t n, float scale, const float *x, const float *t, float *dx) {
  const vf32 s = vf32_set1(scale);
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES)
    vf32_store(dx + i, vf32_mul(s, vf32_sub(vf32_load(x + i), vf32_load(t + i))));
  for (; i < n; i++) dx[i] = scale * (x[i] - t[i]);
}
