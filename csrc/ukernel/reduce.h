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
  float lanes[16];
  for (size_t i = 0; i < 16; i++) lanes[i] = i < n ? p[i] : fill;
  return vl16_load(lanes);
}
FNN_INLINE float vl16_sum(vl16 a) {
  float s[16];
#pragma GCC unroll 4
  for (int q = 0; q < VL16; q++) vf32_store(s + q * VF32_LANES, a.v[q]);
  for (int half = 8; half; half /= 2)
    for (int j = 0; j < half; j++) s[j] += s[j + half];
  return s[0];
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
    VL16_EACH(s.v[q] = vf32_select(vf32_isnan(s.v[q]), s.v[q], vf32_max(s.v[q], a.v[q])));
  }
  float lanes[16], m;
  VL16_EACH(vf32_store(lanes + q * VF32_LANES, s.v[q]));
  m = lanes[0];
  for (int j = 1; j < 16; j++) m = lanes[j] > m || lanes[j] != lanes[j] ? lanes[j] : m;
  for (int j = 0; j < 16; j++)
    if (lanes[j] != lanes[j]) return lanes[j];
  return m;
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
