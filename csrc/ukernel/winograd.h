/* ukernel/winograd.h - the transforms of F(2x2, 3x3), F(4x4, 3x3), F(3x3, 4x4) and
 * F(2x2, 5x5).
 *
 * Lavin & Gray 2016 (arXiv:1509.09308), with the points 0, 1, -1 (and 2, -2 where a = 6) and
 * infinity:
 *   y = A^T [ (G g G^T) * (B^T d B) ] A       and, transposed (Winograd 1980),
 *   dg = G^T [ sum (A dy A^T) * (B^T d B) ] G.
 * m is the side of an output tile, r that of a kernel, a = m + r - 1 that of an input tile; xi =
 * i * a + j counts the products.  Lanes are channels: each entry works on VF32_LANES of them, whole
 * vectors only, and never mixes lanes, so all levels have the same bits.  No alignment needed. */

enum { WINO_MAX = 6 };

/* B^T: an input tile, one line of it.  It depends on a alone. */
FNN_INLINE void wino_bt(const int m, const int r, const vf32 *d, vf32 *v) {
  if (m + r - 1 == 4) {
    v[0] = vf32_sub(d[0], d[2]);
    v[1] = vf32_add(d[1], d[2]);
    v[2] = vf32_sub(d[2], d[1]);
    v[3] = vf32_sub(d[1], d[3]);
    return;
  }
  const vf32 two = vf32_set1(2.0f), four = vf32_set1(4.0f), five = vf32_set1(5.0f);
  const vf32 p = vf32_fnmadd(four, d[2], d[4]), q = vf32_fnmadd(four, d[1], d[3]);
  const vf32 s = vf32_sub(d[4], d[2]), t = vf32_sub(d[3], d[1]);
  v[0] = vf32_fmadd(four, d[0], vf32_fnmadd(five, d[2], d[4]));
  v[1] = vf32_add(p, q);
  v[2] = vf32_sub(p, q);
  v[3] = vf32_fmadd(two, t, s);
  v[4] = vf32_fnmadd(two, t, s);
  v[5] = vf32_fmadd(four, d[1], vf32_fnmadd(five, d[3], d[5]));
}

/* A^T: products to outputs. */
FNN_INLINE void wino_at(const int m, const int r, const vf32 *x, vf32 *y) {
  const vf32 s = vf32_add(x[1], x[2]), d = vf32_sub(x[1], x[2]);
  if (m + r - 1 == 4) {
    y[0] = vf32_add(x[0], s);
    y[1] = vf32_sub(d, x[3]);
    return;
  }
  const vf32 two = vf32_set1(2.0f), four = vf32_set1(4.0f), eight = vf32_set1(8.0f);
  const vf32 u = vf32_add(x[3], x[4]), v = vf32_sub(x[3], x[4]);
  y[0] = vf32_add(vf32_add(x[0], s), u);
  y[1] = vf32_fmadd(two, v, d);
  if (m == 2) {
    y[1] = vf32_add(y[1], x[5]);
    return;
  }
  y[2] = vf32_fmadd(four, u, s);
  if (m == 3) {
    y[2] = vf32_add(y[2], x[5]);
    return;
  }
  y[3] = vf32_add(vf32_fmadd(eight, v, d), x[5]);
}

/* A: gradients of outputs to those of the products. */
FNN_INLINE void wino_a(const int m, const int r, const vf32 *d, vf32 *x) {
  const vf32 two = vf32_set1(2.0f);
  x[0] = d[0];
  if (m == 2) {
    x[1] = vf32_add(d[0], d[1]);
    x[2] = vf32_sub(d[0], d[1]);
    if (r == 3) {
      x[3] = vf32_sub(vf32_zero(), d[1]);
      return;
    }
    x[3] = vf32_fmadd(two, d[1], d[0]);
    x[4] = vf32_fnmadd(two, d[1], d[0]);
    x[5] = d[1];
    return;
  }
  const vf32 four = vf32_set1(4.0f), eight = vf32_set1(8.0f);
  const vf32 e = vf32_add(d[0], d[2]), f = vf32_fmadd(four, d[2], d[0]);
  vf32 o = d[1], p = vf32_mul(two, d[1]);
  if (m == 4) {
    o = vf32_add(d[1], d[3]);
    p = vf32_fmadd(two, d[1], vf32_mul(eight, d[3]));
  }
  x[1] = vf32_add(e, o);
  x[2] = vf32_sub(e, o);
  x[3] = vf32_add(f, p);
  x[4] = vf32_sub(f, p);
  x[5] = d[m - 1];
}

/* G: a line of a kernel. */
FNN_INLINE void wino_g(const int m, const int r, const vf32 *g, vf32 *u) {
  u[0] = g[0];
  u[m + r - 2] = g[r - 1];
  if (m + r - 1 == 4) {
    const vf32 half = vf32_set1(0.5f), s = vf32_add(g[0], g[2]);
    u[1] = vf32_mul(half, vf32_add(s, g[1]));
    u[2] = vf32_mul(half, vf32_sub(s, g[1]));
    return;
  }
  const vf32 quarter = vf32_set1(0.25f), sixth = vf32_set1(-1.0f / 6), two = vf32_set1(2.0f);
  const vf32 four = vf32_set1(4.0f), small = vf32_set1(1.0f / 24);
  vf32 s = vf32_add(g[0], g[2]), t = vf32_fmadd(four, g[2], g[0]), odd = g[1], twice = g[1];
  if (r >= 4) { /* the even and the odd powers of 1 and 2 */
    odd = vf32_add(g[1], g[3]);
    twice = vf32_fmadd(four, g[3], g[1]);
  }
  if (r == 5) {
    s = vf32_add(s, g[4]);
    t = vf32_fmadd(vf32_set1(16.0f), g[4], t);
  }
  u[0] = vf32_mul(quarter, g[0]);
  u[1] = vf32_mul(sixth, vf32_add(s, odd));
  u[2] = vf32_mul(sixth, vf32_sub(s, odd));
  u[3] = vf32_mul(small, vf32_fmadd(two, twice, t));
  u[4] = vf32_mul(small, vf32_fnmadd(two, twice, t));
}

/* G^T: gradients of the transformed kernel to those of the kernel. */
FNN_INLINE void wino_gt(const int m, const int r, const vf32 *x, vf32 *g) {
  const vf32 s = vf32_add(x[1], x[2]), d = vf32_sub(x[1], x[2]);
  if (m + r - 1 == 4) {
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
  g[2] = vf32_fnmadd(sixth, s, vf32_mul(sixth, u));
  if (r >= 4) g[3] = vf32_fnmadd(sixth, d, vf32_mul(vf32_set1(1.0f / 3), v));
  if (r == 5) {
    g[4] = vf32_fnmadd(sixth, s, vf32_mul(vf32_set1(2.0f / 3), u));
  }
  g[r - 1] = vf32_add(g[r - 1], x[5]);
}

/* out (to x to) = M in (from x from) M^T, where `line` applies M: columns, then rows.  With
 * `finish`, shift is added and, with relu, the maximum with zero taken. */
#define WINO_2D(line)                                                                           \
  FNN_INLINE void line##_2d(const int m, const int r, const int from, const int to,             \
                            const float *in, ptrdiff_t in_row, ptrdiff_t in_col, float *out,    \
                            ptrdiff_t out_row, ptrdiff_t out_col, const int finish, vf32 shift, \
                            int relu) {                                                         \
    vf32 half[WINO_MAX][WINO_MAX];                                                              \
    for (int j = 0; j < from; j++) {                                                            \
      vf32 d[WINO_MAX], x[WINO_MAX];                                                            \
      for (int i = 0; i < from; i++) d[i] = vf32_load(in + i * in_row + j * in_col);            \
      line(m, r, d, x);                                                                         \
      for (int i = 0; i < to; i++) half[i][j] = x[i];                                           \
    }                                                                                           \
    for (int i = 0; i < to; i++) {                                                              \
      vf32 x[WINO_MAX];                                                                         \
      line(m, r, half[i], x);                                                                   \
      for (int j = 0; j < to; j++) {                                                            \
        if (finish) x[j] = vf32_add(x[j], shift);                                               \
        if (finish && relu) x[j] = vf32_max(vf32_zero(), x[j]); /* keeps a NaN */               \
        vf32_store(out + i * out_row + j * out_col, x[j]);                                      \
      }                                                                                         \
    }                                                                                           \
  }
WINO_2D(wino_bt)
WINO_2D(wino_at)
WINO_2D(wino_a)
WINO_2D(wino_g)
WINO_2D(wino_gt)

/* One name for all tiles: `body` sees m, r and a as constants. */
#define WINO_FOR(body)                    \
  if (r == 5) {                           \
    enum { M = 2, R = 5, A = M + R - 1 }; \
    body;                                 \
  } else if (r == 4) {                    \
    enum { M = 3, R = 4, A = M + R - 1 }; \
    body;                                 \
  } else if (m == 4) {                    \
    enum { M = 4, R = 3, A = M + R - 1 }; \
    body;                                 \
  } else {                                \
    enum { M = 2, R = 3, A = M + R - 1 }; \
    body;                                 \
  }

/* v[xi * v_xi + t * v_tile + lane] = B^T d B of tiles t < tiles: pixel (i, j) of tile t, all lanes,
 * at x + i * row + (t * m + j) * VF32_LANES. */
static void wino_input(int m, int r, size_t tiles, const float *x, ptrdiff_t row, float *v,
                       ptrdiff_t v_xi, ptrdiff_t v_tile) {
  WINO_FOR(for (size_t t = 0; t < tiles; t++)
               wino_bt_2d(M, R, A, A, x + t * (M * VF32_LANES), row, VF32_LANES,
                          v + (ptrdiff_t)t * v_tile, A * v_xi, v_xi, 0, vf32_zero(), 0))
}

/* The same for A dy A^T; dy's tile is m x m. */
static void wino_gradient(int m, int r, size_t tiles, const float *dy, ptrdiff_t row, float *v,
                          ptrdiff_t v_xi, ptrdiff_t v_tile) {
  WINO_FOR(for (size_t t = 0; t < tiles; t++)
               wino_a_2d(M, R, M, A, dy + t * (M * VF32_LANES), row, VF32_LANES,
                         v + (ptrdiff_t)t * v_tile, A * v_xi, v_xi, 0, vf32_zero(), 0))
}

/* y = A^T x A [+ bias][, ReLU]: product xi of tile t at x + xi * x_xi + t * x_tile; output pixel
 * (i, j) at y + i * row + (t * m + j) * VF32_LANES.  bias: VF32_LANES elements or NULL. */
static void wino_output(int m, int r, size_t tiles, const float *x, ptrdiff_t x_xi,
                        ptrdiff_t x_tile, const float *bias, int relu, float *y, ptrdiff_t row) {
  const vf32 shift = bias ? vf32_load(bias) : vf32_zero();
  WINO_FOR(for (size_t t = 0; t < tiles; t++)
               wino_at_2d(M, R, A, M, x + (ptrdiff_t)t * x_tile, A * x_xi, x_xi,
                          y + t * (M * VF32_LANES), row, VF32_LANES, 1, shift, relu))
}

/* u = G g G^T for n kernels: tap (i, j) of kernel k at g + k * g_step + (i * r + j) * g_tap,
 * product xi at u + k * u_step + xi * u_xi. */
static void wino_weight(int m, int r, size_t n, const float *g, ptrdiff_t g_step, ptrdiff_t g_tap,
                        float *u, ptrdiff_t u_step, ptrdiff_t u_xi) {
  WINO_FOR(for (size_t k = 0; k < n; k++)
               wino_g_2d(M, R, R, A, g + (ptrdiff_t)k * g_step, R * g_tap, g_tap,
                         u + (ptrdiff_t)k * u_step, A * u_xi, u_xi, 0, vf32_zero(), 0))
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

static void wino_few_tiles(int m, int r, size_t n, size_t tiles, const float *g, ptrdiff_t g_step,
                           ptrdiff_t g_tap, const float *v, ptrdiff_t v_xi, ptrdiff_t v_tile,
                           float *x, ptrdiff_t x_xi, ptrdiff_t x_tile) {
  float u[WINO_MAX * WINO_MAX * WINO_SOME * VF32_LANES] __attribute__((aligned(64)));
  const int a2 = (m + r - 1) * (m + r - 1);
  for (size_t i = 0; i < n; i += WINO_SOME) {
    const size_t some = n - i < WINO_SOME ? n - i : WINO_SOME;
    const float *factors = v + i;
    wino_weight(m, r, some, g + (ptrdiff_t)i * g_step, g_step, g_tap, u, VF32_LANES,
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
static void wino_weight_grad(int m, int r, size_t n, const float *du, ptrdiff_t u_step,
                             ptrdiff_t u_xi, float *dg, ptrdiff_t g_step, ptrdiff_t g_tap) {
  WINO_FOR(for (size_t k = 0; k < n; k++)
               wino_gt_2d(M, R, A, R, du + (ptrdiff_t)k * u_step, A * u_xi, u_xi,
                          dg + (ptrdiff_t)k * g_step, R * g_tap, g_tap, 0, vf32_zero(), 0))
}
