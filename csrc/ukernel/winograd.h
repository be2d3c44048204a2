/* ukernel/winograd.h - the transforms of F(2x2, 3x3) and F(4x4, 3x3).
 *
 * Lavin & Gray 2016 (arXiv:1509.09308), with the points 0, 1, -1 (and 2, -2 for 4x4) and infinity:
 *   y = A^T [ (G g G^T) * (B^T d B) ] A       and, transposed (Winograd 1980),
 *   dg = G^T [ sum (A dy A^T) * (B^T d B) ] G.
 * m is the side of an output tile, a = m + 2 that of an input tile; xi = i * a + j counts the
 * products.  Lanes are channels: each entry works on VF32_LANES of them, whole vectors only, and
 * never mixes lanes, so all levels have the same bits.  No alignment needed. */

enum { WINO_MAX = 6 };

/* B^T: an input tile, one line of it. */
FNN_INLINE void wino_bt(const int m, const vf32 *d, vf32 *r) {
  if (m == 2) {
    r[0] = vf32_sub(d[0], d[2]);
    r[1] = vf32_add(d[1], d[2]);
    r[2] = vf32_sub(d[2], d[1]);
    r[3] = vf32_sub(d[1], d[3]);
    return;
  }
  const vf32 two = vf32_set1(2.0f), four = vf32_set1(4.0f), five = vf32_set1(5.0f);
  const vf32 p = vf32_fnmadd(four, d[2], d[4]), q = vf32_fnmadd(four, d[1], d[3]);
  const vf32 s = vf32_sub(d[4], d[2]), t = vf32_sub(d[3], d[1]);
  r[0] = vf32_fmadd(four, d[0], vf32_fnmadd(five, d[2], d[4]));
  r[1] = vf32_add(p, q);
  r[2] = vf32_sub(p, q);
  r[3] = vf32_fmadd(two, t, s);
  r[4] = vf32_fnmadd(two, t, s);
  r[5] = vf32_fmadd(four, d[1], vf32_fnmadd(five, d[3], d[5]));
}

/* A^T: products to outputs. */
FNN_INLINE void wino_at(const int m, const vf32 *x, vf32 *y) {
  const vf32 s = vf32_add(x[1], x[2]), d = vf32_sub(x[1], x[2]);
  if (m == 2) {
    y[0] = vf32_add(x[0], s);
    y[1] = vf32_sub(d, x[3]);
    return;
  }
  const vf32 two = vf32_set1(2.0f), four = vf32_set1(4.0f), eight = vf32_set1(8.0f);
  const vf32 u = vf32_add(x[3], x[4]), v = vf32_sub(x[3], x[4]);
  y[0] = vf32_add(vf32_add(x[0], s), u);
  y[1] = vf32_fmadd(two, v, d);
  y[2] = vf32_fmadd(four, u, s);
  y[3] = vf32_add(vf32_fmadd(eight, v, d), x[5]);
}

/* A: gradients of outputs to those of the products. */
FNN_INLINE void wino_a(const int m, const vf32 *d, vf32 *r) {
  if (m == 2) {
    r[0] = d[0];
    r[1] = vf32_add(d[0], d[1]);
    r[2] = vf32_sub(d[0], d[1]);
    r[3] = vf32_sub(vf32_zero(), d[1]);
    return;
  }
  const vf32 two = vf32_set1(2.0f), four = vf32_set1(4.0f), eight = vf32_set1(8.0f);
  const vf32 e = vf32_add(d[0], d[2]), o = vf32_add(d[1], d[3]);
  const vf32 f = vf32_fmadd(four, d[2], d[0]), p = vf32_fmadd(two, d[1], vf32_mul(eight, d[3]));
  r[0] = d[0];
  r[1] = vf32_add(e, o);
  r[2] = vf32_sub(e, o);
  r[3] = vf32_add(f, p);
  r[4] = vf32_sub(f, p);
  r[5] = d[3];
}

/* G: a line of a kernel. */
FNN_INLINE void wino_g(const int m, const vf32 *g, vf32 *r) {
  if (m == 2) {
    const vf32 half = vf32_set1(0.5f), s = vf32_add(g[0], g[2]);
    r[0] = g[0];
    r[1] = vf32_mul(half, vf32_add(s, g[1]));
    r[2] = vf32_mul(half, vf32_sub(s, g[1]));
    r[3] = g[2];
    return;
  }
  const vf32 quarter = vf32_set1(0.25f), sixth = vf32_set1(-1.0f / 6), two = vf32_set1(2.0f);
  const vf32 four = vf32_set1(4.0f), small = vf32_set1(1.0f / 24);
  const vf32 s = vf32_add(g[0], g[2]), t = vf32_fmadd(four, g[2], g[0]);
  r[0] = vf32_mul(quarter, g[0]);
  r[1] = vf32_mul(sixth, vf32_add(s, g[1]));
  r[2] = vf32_mul(sixth, vf32_sub(s, g[1]));
  r[3] = vf32_mul(small, vf32_fmadd(two, g[1], t));
  r[4] = vf32_mul(small, vf32_fnmadd(two, g[1], t));
  r[5] = g[2];
}

/* G^T: gradients of the transformed kernel to those of the kernel. */
FNN_INLINE void wino_gt(const int m, const vf32 *x, vf32 *g) {
  const vf32 s = vf32_add(x[1], x[2]), d = vf32_sub(x[1], x[2]);
  if (m == 2) {
    const vf32 half = vf32_set1(0.5f);
    g[0] = vf32_fmadd(half, s, x[0]);
    g[1] = vf32_mul(half, d);
    g[2] = vf32_fmadd(half, s, x[3]);
    return;
  }
  const vf32 quarter = vf32_set1(0.25f), sixth = vf32_set1(1.0f / 6);
  const vf32 small = vf32_set1(1.0f / 24), twelfth = vf32_set1(1.0f / 12);
  const vf32 u = vf32_add(x[3], x[4]), v = vf32_sub(x[3], x[4]);
  g[0] = vf32_fmadd(quarter, x[0], vf32_fnmadd(sixth, s, vf32_mul(small, u)));
  g[1] = vf32_fnmadd(sixth, d, vf32_mul(twelfth, v));
  g[2] = vf32_add(vf32_fnmadd(sixth, s, vf32_mul(sixth, u)), x[5]);
}

/* out (to x to) = M in (from x from) M^T, where `line` applies M: columns, then rows.  With
 * `finish`, shift is added and, with relu, the maximum with zero taken. */
#define WINO_2D(line)                                                                          \
  FNN_INLINE void line##_2d(const int m, const int from, const int to, const float *in,        \
                            ptrdiff_t in_row, ptrdiff_t in_col, float *out, ptrdiff_t out_row, \
                            ptrdiff_t out_col, const int finish, vf32 shift, int relu) {       \
    vf32 half[WINO_MAX][WINO_MAX];                                                             \
    for (int j = 0; j < from; j++) {                                                           \
      vf32 d[WINO_MAX], r[WINO_MAX];                                                           \
      for (int i = 0; i < from; i++) d[i] = vf32_load(in + i * in_row + j * in_col);           \
      line(m, d, r);                                                                           \
      for (int i = 0; i < to; i++) half[i][j] = r[i];                                          \
    }                                                                                          \
    for (int i = 0; i < to; i++) {                                                             \
      vf32 r[WINO_MAX];                                                                        \
      line(m, half[i], r);                                                                     \
      for (int j = 0; j < to; j++) {                                                           \
        if (finish) r[j] = vf32_add(r[j], shift);                                              \
        if (finish && relu) r[j] = vf32_max(vf32_zero(), r[j]); /* keeps a NaN */              \
        vf32_store(out + i * out_row + j * out_col, r[j]);                                     \
      }                                                                                        \
    }                                                                                          \
  }
WINO_2D(wino_bt)
WINO_2D(wino_at)
WINO_2D(wino_a)
WINO_2D(wino_g)
WINO_2D(wino_gt)

/* One name for both tile sizes: `body` sees m as a constant. */
#define WINO_FOR_M(body) \
  if (m == 4) {          \
    const int M = 4;     \
    body;                \
  } else {               \
    const int M = 2;     \
    body;                \
  }

/* v[xi * v_xi + t * v_tile + lane] = B^T d B of tiles t < tiles: pixel (i, j) of tile t, all lanes,
 * at x + i * row + (t * m + j) * VF32_LANES. */
static void wino_input(int m, size_t tiles, const float *x, ptrdiff_t row, float *v, ptrdiff_t v_xi,
                       ptrdiff_t v_tile) {
  WINO_FOR_M(for (size_t t = 0; t < tiles; t++)
                 wino_bt_2d(M, M + 2, M + 2, x + t * (M * VF32_LANES), row, VF32_LANES,
                            v + (ptrdiff_t)t * v_tile, (M + 2) * v_xi, v_xi, 0, vf32_zero(), 0))
}

/* The same for A dy A^T; dy's tile is m x m. */
static void wino_gradient(int m, size_t tiles, const float *dy, ptrdiff_t row, float *v,
                          ptrdiff_t v_xi, ptrdiff_t v_tile) {
  WINO_FOR_M(for (size_t t = 0; t < tiles; t++)
                 wino_a_2d(M, M, M + 2, dy + t * (M * VF32_LANES), row, VF32_LANES,
                           v + (ptrdiff_t)t * v_tile, (M + 2) * v_xi, v_xi, 0, vf32_zero(), 0))
}

/* y = A^T x A [+ bias][, ReLU]: product xi of tile t at x + xi * x_xi + t * x_tile; output pixel
 * (i, j) at y + i * row + (t * m + j) * VF32_LANES.  bias: VF32_LANES elements or NULL. */
static void wino_output(int m, size_t tiles, const float *x, ptrdiff_t x_xi, ptrdiff_t x_tile,
                        const float *bias, int relu, float *y, ptrdiff_t row) {
  const vf32 shift = bias ? vf32_load(bias) : vf32_zero();
  WINO_FOR_M(for (size_t t = 0; t < tiles; t++)
                 wino_at_2d(M, M + 2, M, x + (ptrdiff_t)t * x_tile, (M + 2) * x_xi, x_xi,
                            y + t * (M * VF32_LANES), row, VF32_LANES, 1, shift, relu))
}

/* u = G g G^T for n kernels: tap (r, s) of kernel i at g + i * g_step + (r * 3 + s) * g_tap,
 * product xi at u + i * u_step + xi * u_xi. */
static void wino_weight(int m, size_t n, const float *g, ptrdiff_t g_step, ptrdiff_t g_tap,
                        float *u, ptrdiff_t u_step, ptrdiff_t u_xi) {
  WINO_FOR_M(for (size_t i = 0; i < n; i++)
                 wino_g_2d(M, 3, M + 2, g + (ptrdiff_t)i * g_step, 3 * g_tap, g_tap,
                           u + (ptrdiff_t)i * u_step, (M + 2) * u_xi, u_xi, 0, vf32_zero(), 0))
}

/* x[xi * x_xi + t * x_tile + lane] += sum over i < n, in order, of v[xi * v_xi + t * v_tile + i]
 * u_i[xi], the kernels' taps at g as above: the products of so few tiles that u would be written to
 * L2 and read again for little.  Eight kernels at a time stay in L1. */
enum { WINO_SOME = 8 };

FNN_INLINE void wino_multiply(const int a2, const int n, size_t tiles, const float *u,
                              const float *v, ptrdiff_t v_xi, ptrdiff_t v_tile, float *x,
                              ptrdiff_t x_xi, ptrdiff_t x_tile) {
  for (int xi = 0; xi < a2; xi++, u += WINO_SOME * VF32_LANES, v += v_xi, x += x_xi) {
    vf32 r[WINO_SOME];
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) r[i] = vf32_load(u + i * VF32_LANES);
    for (size_t t = 0; t < tiles; t++) {
      const float *factors = v + (ptrdiff_t)t * v_tile;
      float *to = x + (ptrdiff_t)t * x_tile;
      vf32 acc = vf32_load(to);
#pragma GCC unroll 8
      for (int i = 0; i < n; i++) acc = vf32_fmadd(vf32_broadcast(factors + i), r[i], acc);
      vf32_store(to, acc);
    }
  }
}

static void wino_few_tiles(int m, size_t n, size_t tiles, const float *g, ptrdiff_t g_step,
                           ptrdiff_t g_tap, const float *v, ptrdiff_t v_xi, ptrdiff_t v_tile,
                           float *x, ptrdiff_t x_xi, ptrdiff_t x_tile) {
  float u[WINO_MAX * WINO_MAX * WINO_SOME * VF32_LANES] __attribute__((aligned(64)));
  const int a2 = (m + 2) * (m + 2);
  for (size_t i = 0; i < n; i += WINO_SOME) {
    const size_t some = n - i < WINO_SOME ? n - i : WINO_SOME;
    const float *factors = v + i;
    wino_weight(m, some, g + (ptrdiff_t)i * g_step, g_step, g_tap, u, VF32_LANES,
                WINO_SOME * VF32_LANES);
    if (some == WINO_SOME) {
      wino_multiply(a2, WINO_SOME, tiles, u, factors, v_xi, v_tile, x, x_xi, x_tile);
    } else {
      for (size_t k = 0; k < some; k++)
        wino_multiply(a2, 1, tiles, u + k * VF32_LANES, factors + k, v_xi, v_tile, x, x_xi, x_tile);
    }
  }
}

/* dg = G^T du G, strides as above. */
static void wino_weight_grad(int m, size_t n, const float *du, ptrdiff_t u_step, ptrdiff_t u_xi,
                             float *dg, ptrdiff_t g_step, ptrdiff_t g_tap) {
  WINO_FOR_M(for (size_t i = 0; i < n; i++)
                 wino_gt_2d(M, M + 2, 3, du + (ptrdiff_t)i * u_step, (M + 2) * u_xi, u_xi,
                            dg + (ptrdiff_t)i * g_step, 3 * g_tap, g_tap, 0, vf32_zero(), 0))
}
