/* ukernel/depthwise.h - convolution of single planes: depthwise layers.
 *
 * Planes are padded copies in L1; whole vectors are read beyond the last column of a row, up to
 * 16 floats.  col_off[s] is the offset of kernel column s: with a horizontal stride of two the even
 * and the odd columns of a row lie apart. */

/* Bias, ReLU, and n columns written. */
FNN_INLINE void depthwise_end(const int ROWS, size_t n, vf32 *acc, const float *bias, int relu,
                              float *y, ptrdiff_t y_row) {
  const vf32 zero = vf32_zero();
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; i++) {
    if (bias) acc[i] = vf32_add(acc[i], vf32_broadcast(bias));
    if (relu) acc[i] = vf32_max(zero, acc[i]); /* max keeps a NaN that stands second */
    if (n == VF32_LANES)
      vf32_store(y + i * y_row, acc[i]);
    else
      vf32_store_tail(y + i * y_row, acc[i], n);
  }
}

/* ROWS rows of one vector: a broadcast weight serves them all. */
FNN_INLINE void depthwise_block(const int ROWS, size_t n, size_t kh, size_t kw, const float *x,
                                ptrdiff_t line, ptrdiff_t x_row, const ptrdiff_t *col_off,
                                const float *w, const float *bias, int relu, float *y,
                                ptrdiff_t y_row) {
  vf32 acc[8];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; i++) acc[i] = vf32_zero();
  for (size_t r = 0; r < kh; r++)
    for (size_t s = 0; s < kw; s++) {
      const float *p = x + (ptrdiff_t)r * x_row + col_off[s];
      const vf32 v = vf32_broadcast(w + r * kw + s);
#pragma GCC unroll 8
      for (int i = 0; i < ROWS; i++) acc[i] = vf32_fmadd(v, vf32_load(p + i * line), acc[i]);
    }
  depthwise_end(ROWS, n, acc, bias, relu, y, y_row);
}

/* ROWS rows of one vector of a 3x3 kernel that moves by one row: each vector of x is read once for
 * the three rows that it serves.  DOWN: kernel row r is read r rows below the first, else above. */
FNN_INLINE void depthwise_3x3(const int ROWS, const int DOWN, size_t n, const float *x,
                              ptrdiff_t line, const ptrdiff_t *col_off, const float *w,
                              const float *bias, int relu, float *y, ptrdiff_t y_row) {
  vf32 acc[8], k[9];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; i++) acc[i] = vf32_zero();
#pragma GCC unroll 9
  for (int i = 0; i < 9; i++) k[i] = vf32_broadcast(w + i);
#pragma GCC unroll 10
  for (int j = 0; j < ROWS + 2; j++) { /* every output meets its kernel rows in order */
    const float *p = x + (DOWN ? j : ROWS - 1 - j) * line;
    vf32 a = vf32_load(p + col_off[0]), b = vf32_load(p + col_off[1]);
    vf32 c = vf32_load(p + col_off[2]);
    vf32_keep(&a), vf32_keep(&b), vf32_keep(&c);
#pragma GCC unroll 3
    for (int r = 0; r < 3; r++) {
      const int i = DOWN ? j - r : ROWS - 1 - j + r;
      if (i < 0 || i >= ROWS) continue;
      acc[i] = vf32_fmadd(k[3 * r], a, acc[i]);
      acc[i] = vf32_fmadd(k[3 * r + 1], b, acc[i]);
      acc[i] = vf32_fmadd(k[3 * r + 2], c, acc[i]);
    }
  }
  depthwise_end(ROWS, n, acc, bias, relu, y, y_row);
}

/* All rows of one vector: four at a time, of which the last may overlap those before; fewer than
 * four one by one.  Functions of their own: inlined side by side they would spill registers. */
#define DEPTHWISE_STRIP(NAME, BLOCK_OF)                                                       \
  static __attribute__((noinline)) void NAME(                                                 \
      size_t rows, size_t n, size_t kh, size_t kw, const float *x, ptrdiff_t line,            \
      ptrdiff_t x_row, const ptrdiff_t *col_off, const float *w, const float *bias, int relu, \
      float *y, ptrdiff_t y_row) {                                                            \
    (void)kh, (void)kw, (void)x_row;                                                          \
    if (rows < 4) {                                                                           \
      for (size_t t = 0; t < rows; t++) BLOCK_OF(1, (ptrdiff_t)t);                            \
      return;                                                                                 \
    }                                                                                         \
    for (size_t done = 0; done < rows; done += 4)                                             \
      BLOCK_OF(4, (ptrdiff_t)(done + 4 > rows ? rows - 4 : done));                            \
  }
#define ANY_BLOCK(ROWS, T)                                                              \
  depthwise_block(ROWS, n, kh, kw, x + (T) * line, line, x_row, col_off, w, bias, relu, \
                  y + (T) * y_row, y_row)
#define DOWN_BLOCK(ROWS, T) \
  depthwise_3x3(ROWS, 1, n, x + (T) * line, line, col_off, w, bias, relu, y + (T) * y_row, y_row)
#define UP_BLOCK(ROWS, T) \
  depthwise_3x3(ROWS, 0, n, x + (T) * line, line, col_off, w, bias, relu, y + (T) * y_row, y_row)
DEPTHWISE_STRIP(depthwise_any, ANY_BLOCK)
DEPTHWISE_STRIP(depthwise_down, DOWN_BLOCK)
DEPTHWISE_STRIP(depthwise_up, UP_BLOCK)

/* y[t * y_row + u] = act(sum over r < kh, s < kw of w[r * kw + s] * x[t * line + r * x_row +
 * col_off[s] + u] + bias), t < rows, u < n: one chain per output in the order of the taps. */
static void depthwise_rows(size_t rows, size_t n, size_t kh, size_t kw, const float *x,
                           ptrdiff_t line, ptrdiff_t x_row, const ptrdiff_t *col_off,
                           const float *w, const float *bias, int relu, float *y, ptrdiff_t y_row) {
  const int three = kh == 3 && kw == 3;
  for (size_t next = 0; next < n; next += VF32_LANES) {
    /* the last vector of a row overlaps the one before: a masked store would cost more */
    const size_t u = next + VF32_LANES > n && n >= VF32_LANES ? n - VF32_LANES : next;
    const size_t width = n - u < VF32_LANES ? n - u : VF32_LANES;
    (three && x_row == line    ? depthwise_down
     : three && x_row == -line ? depthwise_up
                               : depthwise_any)(rows, width, kh, kw, x + u, line, x_row, col_off, w,
                                                bias, relu, y + u, y_row);
  }
}

enum { VIRTUAL = 16, DEPTHWISE_TAPS = 4 };

/* One vector of which `left` columns count: zero times what lies beyond might be NaN. */
FNN_INLINE vf32 depthwise_load(const float *p, size_t left) {
  return left >= VF32_LANES ? vf32_load(p) : vf32_load_tail(p, left);
}

/* Up to DEPTHWISE_TAPS neighbouring taps of one kernel row; one vector of columns. */
FNN_INLINE void depthwise_taps(const int TAPS, size_t rows, size_t left, const float *dy,
                               ptrdiff_t dy_row, const float *x, ptrdiff_t line,
                               const ptrdiff_t *col_off, float *acc) {
  vf32 sum[DEPTHWISE_TAPS];
#pragma GCC unroll 4
  for (int s = 0; s < TAPS; s++) sum[s] = vf32_load(acc + s * VIRTUAL);
  for (size_t t = 0; t < rows; t++) {
    const vf32 g = depthwise_load(dy + (ptrdiff_t)t * dy_row, left);
#pragma GCC unroll 4
    for (int s = 0; s < TAPS; s++)
      sum[s] = vf32_fmadd(g, depthwise_load(x + (ptrdiff_t)t * line + col_off[s], left), sum[s]);
  }
#pragma GCC unroll 4
  for (int s = 0; s < TAPS; s++) vf32_store(acc + s * VIRTUAL, sum[s]);
}

/* All taps of a 3x3 kernel that moves by one row: each vector is read once. */
FNN_INLINE void depthwise_taps_3x3(size_t rows, size_t left, const float *dy, ptrdiff_t dy_row,
                                   const float *x, ptrdiff_t line, const ptrdiff_t *col_off,
                                   float *acc) {
  vf32 sum[9], g0, g1 = vf32_zero(), g2 = vf32_zero(); /* dy of this row, and of those above */
#pragma GCC unroll 9
  for (int k = 0; k < 9; k++) sum[k] = vf32_load(acc + k * VIRTUAL);
  for (size_t j = 0; j < rows + 2; j++) {
    const float *p = x + (ptrdiff_t)j * line;
    vf32 a = depthwise_load(p + col_off[0], left), b = depthwise_load(p + col_off[1], left);
    vf32 c = depthwise_load(p + col_off[2], left);
    vf32_keep(&a), vf32_keep(&b), vf32_keep(&c);
    g0 = j < rows ? depthwise_load(dy + (ptrdiff_t)j * dy_row, left) : vf32_zero();
    if (j < rows) {
      sum[0] = vf32_fmadd(g0, a, sum[0]);
      sum[1] = vf32_fmadd(g0, b, sum[1]);
      sum[2] = vf32_fmadd(g0, c, sum[2]);
    }
    if (j >= 1 && j <= rows) {
      sum[3] = vf32_fmadd(g1, a, sum[3]);
      sum[4] = vf32_fmadd(g1, b, sum[4]);
      sum[5] = vf32_fmadd(g1, c, sum[5]);
    }
    if (j >= 2) {
      sum[6] = vf32_fmadd(g2, a, sum[6]);
      sum[7] = vf32_fmadd(g2, b, sum[7]);
      sum[8] = vf32_fmadd(g2, c, sum[8]);
    }
    g2 = g1, g1 = g0;
  }
#pragma GCC unroll 9
  for (int k = 0; k < 9; k++) vf32_store(acc + k * VIRTUAL, sum[k]);
}

/* acc[(r * kw + s) * 16 + u % 16] += dy[t * dy_row + u] * x[t * line + r * x_row + col_off[s] + u],
 * u < n and t < rows, sixteen columns after sixteen columns and in each row after row.  Where u >=
 * n x is read and must be finite. */
static void depthwise_weight_grad(size_t rows, size_t n, size_t kh, size_t kw, const float *dy,
                                  ptrdiff_t dy_row, const float *x, ptrdiff_t line, ptrdiff_t x_row,
                                  const ptrdiff_t *col_off, float *acc) {
  for (size_t u = 0; u < n; u += VF32_LANES) {
    float *sums = acc + u % VIRTUAL;
    if (rows && kh == 3 && kw == 3 && x_row == line) {
      depthwise_taps_3x3(rows, n - u, dy + u, dy_row, x + u, line, col_off, sums);
      continue;
    }
    for (size_t r = 0; r < kh; r++) {
      const float *p = x + (ptrdiff_t)r * x_row + u;
      float *a = sums + r * kw * VIRTUAL;
      size_t s = 0;
#define TAPS(COUNT)                                                                          \
  depthwise_taps(COUNT, rows, n - u, dy + u, dy_row, p, line, col_off + s, a + s * VIRTUAL), \
      s += COUNT
      while (s + 4 <= kw) TAPS(4);
      if (s + 3 <= kw) TAPS(3);
      while (s < kw) TAPS(1);
#undef TAPS
    }
  }
}

/* y (rows x n) = x, with row strides x_row and y_row. */
static void copy_rows(size_t rows, size_t n, const float *x, ptrdiff_t x_row, float *y,
                      ptrdiff_t y_row) {
  for (size_t r = 0; r < rows; r++, x += x_row, y += y_row) {
    if (n < VF32_LANES) {
      if (n) vf32_store_tail(y, vf32_load_tail(x, n), n);
      continue;
    }
    for (size_t i = 0; i + VF32_LANES <= n; i += VF32_LANES) vf32_store(y + i, vf32_load(x + i));
    vf32_store(y + n - VF32_LANES, vf32_load(x + n - VF32_LANES));
  }
}

/* The same, and zeros after n up to a multiple of VF32_LANES: whole vectors are stored. */
static void pad_rows(size_t rows, size_t n, const float *x, ptrdiff_t x_row, float *y,
                     ptrdiff_t y_row) {
  const size_t whole = n - n % VF32_LANES;
  for (size_t r = 0; r < rows; r++, x += x_row, y += y_row) {
    for (size_t i = 0; i < whole; i += VF32_LANES) vf32_store(y + i, vf32_load(x + i));
    if (n > whole) vf32_store(y + whole, vf32_load_tail(x + whole, n - whole));
  }
}

/* even[i] = x[2 i], odd[i] = x[2 i + 1], i < n. */
static void unzip_pairs(size_t n, const float *x, float *even, float *odd) {
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES) {
    const vf32 a = vf32_load(x + 2 * i), b = vf32_load(x + 2 * i + VF32_LANES);
    vf32_store(even + i, vf32_even(a, b));
    vf32_store(odd + i, vf32_odd(a, b));
  }
  for (; i < n; i++) even[i] = x[2 * i], odd[i] = x[2 * i + 1];
}
