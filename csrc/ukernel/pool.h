/* ukernel/pool.h - one output row (or plane) of max and average pooling.
 *
 * x is one (h, w) plane; fnn_pool holds the window: extent kh kw, stride sh sw, padding ph pw,
 * dilation dh dw, and ow outputs a row.  Padding never wins a maximum. */

/* First candidate in row-major order wins a tie, a NaN beats every number (as PyTorch). */
#define POOL_BEATS(c, best) vmask_or(vf32_gt(c, best), vf32_isnan(c))

FNN_INLINE void max_pool_2x2_step(const float *r0, const float *r1, size_t n2, int32_t base,
                                  int32_t w, vf32 *best, vi32 *index) {
  const size_t L = VF32_LANES;
  vf32 a0, b0, a1, b1;
  if (n2 == 2 * L) {
    a0 = vf32_load(r0), b0 = vf32_load(r0 + L), a1 = vf32_load(r1), b1 = vf32_load(r1 + L);
  } else {
    a0 = n2 >= L ? vf32_load(r0) : vf32_load_tail(r0, n2);
    a1 = n2 >= L ? vf32_load(r1) : vf32_load_tail(r1, n2);
    b0 = n2 > L ? vf32_load_tail(r0 + L, n2 - L) : vf32_zero();
    b1 = n2 > L ? vf32_load_tail(r1 + L, n2 - L) : vf32_zero();
  }
  vi32 at = vi32_add(vi32_set1(base), vi32_shl(vi32_iota(), 1));
  vf32 m = vf32_even(a0, b0), c = vf32_odd(a0, b0);
  vi32 k = at;
  vmask win = POOL_BEATS(c, m);
  m = vf32_select(win, c, m), k = vi32_select(win, vi32_add(at, vi32_set1(1)), k);
  c = vf32_even(a1, b1), win = POOL_BEATS(c, m);
  m = vf32_select(win, c, m), k = vi32_select(win, vi32_add(at, vi32_set1(w)), k);
  c = vf32_odd(a1, b1), win = POOL_BEATS(c, m);
  m = vf32_select(win, c, m), k = vi32_select(win, vi32_add(at, vi32_set1(w + 1)), k);
  *best = m, *index = k;
}

/* The first tap of a window from `start` on that is not left of the image. */
FNN_INLINE ptrdiff_t first_tap(ptrdiff_t start, ptrdiff_t dilation) {
  return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
}

/* y[ow], index[ow] (flat in the plane) of output row oh; relu: y = max(y, 0).  A window that sees
 * nothing but padding gives -inf and index -1. */
static void max_pool_row(const fnn_pool *p, ptrdiff_t oh, int relu, const float *x, float *y,
                         int32_t *index) {
  const ptrdiff_t top = oh * p->sh - p->ph;
  if (p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2 && !p->ph && !p->pw && p->dh == 1 &&
      p->dw == 1 && top + 2 <= p->h && 2 * p->ow <= p->w) {
    const float *r0 = x + top * p->w;
    for (ptrdiff_t i = 0; i < p->ow; i += VF32_LANES) {
      const size_t n = p->ow - i < VF32_LANES ? (size_t)(p->ow - i) : VF32_LANES;
      vf32 best;
      vi32 k;
      max_pool_2x2_step(r0 + 2 * i, r0 + p->w + 2 * i, 2 * n, (int32_t)(top * p->w + 2 * i),
                        (int32_t)p->w, &best, &k);
      if (relu) best = relu_vf32(best);
      if (n == VF32_LANES) {
        vf32_store(y + i, best);
        vi32_store(index + i, k);
      } else {
        vf32_store_tail(y + i, best, n);
        vi32_store_tail(index + i, k, n);
      }
    }
    return;
  }
  for (ptrdiff_t i = 0; i < p->ow; i++) {
    const ptrdiff_t left = i * p->sw - p->pw;
    float best = -INFINITY;
    ptrdiff_t at = -1;
    for (ptrdiff_t r = first_tap(top, p->dh); r < p->kh; r++) {
      const ptrdiff_t ih = top + r * p->dh;
      if (ih >= p->h) break;
      for (ptrdiff_t q = first_tap(left, p->dw); q < p->kw; q++) {
        const ptrdiff_t iw = left + q * p->dw;
        if (iw >= p->w) break;
        const float c = x[ih * p->w + iw];
        if (at < 0 || c > best || c != c) best = c, at = ih * p->w + iw;
      }
    }
    y[i] = relu && !(best != best) && best < 0.0f ? 0.0f : best;
    index[i] = (int32_t)at;
  }
}

/* dx[index[i]] += dy[i], i < n in order; dx is zeroed by the caller.  relu: only where y > 0.
 * An index of -1 marks a window that saw nothing but padding: it has no gradient. */
static void max_pool_plane_grad(size_t n, int relu, const float *dy, const float *y,
                                const int32_t *index, float *dx) {
  for (size_t i = 0; i < n; i++)
    if (index[i] >= 0) /* ReLU as arithmetic: a branch on it would be guessed wrong half the time */
      dx[index[i]] += relu && !(y[i] > 0.0f) ? 0.0f : dy[i];
}

/* One vector of max_pool_2x2_grad_row: outputs whose first pixel has flat index `first`. */
FNN_INLINE int max_pool_2x2_grad_vector(int relu, int32_t first, ptrdiff_t w, const float *dy,
                                        const float *y, const int32_t *index, float *dx0,
                                        float *dx1) {
  const vf32 zero = vf32_zero();
  vf32 v = vf32_load(dy);
  if (relu) v = relu_grad_vf32(v, vf32_load(y));
  vi32 at = vi32_add(vi32_set1(first), vi32_shl(vi32_iota(), 1));
  vi32 t = vi32_sub(vi32_load(index), at);
  vmask m0 = vi32_eq(t, vi32_set1(0)), m1 = vi32_eq(t, vi32_set1(1));
  vmask m2 = vi32_eq(t, vi32_set1((int32_t)w)), m3 = vi32_eq(t, vi32_set1((int32_t)w + 1));
  vf32 e0 = vf32_select(m0, v, zero), o0 = vf32_select(m1, v, zero);
  vf32 e1 = vf32_select(m2, v, zero), o1 = vf32_select(m3, v, zero);
  vf32_store(dx0, vf32_zip_lo(e0, o0));
  vf32_store(dx0 + VF32_LANES, vf32_zip_hi(e0, o0));
  vf32_store(dx1, vf32_zip_lo(e1, o1));
  vf32_store(dx1 + VF32_LANES, vf32_zip_hi(e1, o1));
  return vmask_all(vmask_or(vmask_or(m0, m1), vmask_or(m2, m3)));
}

/* Both input rows under output row `base / (2 w)` of a 2x2 stride-2 pool: all of their first
 * 2 * ow columns are written, so nothing needs to be zeroed before.  base: flat index of dx0.
 * Returns 0 if a maximum lies outside its own 2x2 cell: the rows are then not the gradient. */
static int max_pool_2x2_grad_row(size_t ow, int relu, int32_t base, ptrdiff_t w, const float *dy,
                                 const float *y, const int32_t *index, float *dx0, float *dx1) {
  int in_cells = 1;
  size_t i = 0;
  for (; i + VF32_LANES <= ow; i += VF32_LANES)
    in_cells &= max_pool_2x2_grad_vector(relu, base + 2 * (int32_t)i, w, dy + i,
                                         relu ? y + i : NULL, index + i, dx0 + 2 * i, dx1 + 2 * i);
  if (i < ow) { /* through copies: a branch per element would cost ten times as much */
    const size_t t = ow - i;
    const int32_t first = base + 2 * (int32_t)i;
    float dy_t[VF32_LANES] = {0}, y_t[VF32_LANES] = {0}, d0[2 * VF32_LANES], d1[2 * VF32_LANES];
    int32_t index_t[VF32_LANES];
    for (size_t q = 0; q < VF32_LANES; q++) index_t[q] = first + 2 * (int32_t)q;
    memcpy(dy_t, dy + i, sizeof *dy * t);
    if (relu) memcpy(y_t, y + i, sizeof *y * t);
    memcpy(index_t, index + i, sizeof *index * t);
    in_cells &= max_pool_2x2_grad_vector(relu, first, w, dy_t, y_t, index_t, d0, d1);
    memcpy(dx0 + 2 * i, d0, 2 * sizeof *d0 * t);
    memcpy(dx1 + 2 * i, d1, 2 * sizeof *d1 * t);
  }
  return in_cells;
}

/* Number of elements that an average divides by: with count_include_pad the window clipped to the
 * padded plane, else its part inside the plane (as PyTorch). */
FNN_INLINE ptrdiff_t window_extent(ptrdiff_t start, ptrdiff_t k, ptrdiff_t size, ptrdiff_t pad,
                                   int include) {
  ptrdiff_t end = start + k < size + pad ? start + k : size + pad;
  if (include) return end - start;
  if (end > size) end = size;
  return end - (start < 0 ? 0 : start);
}

/* Outputs i in [*lo, *hi) whose column i * sw - pw + q lies in [0, w). */
FNN_INLINE void valid_columns(const fnn_pool *p, ptrdiff_t q, ptrdiff_t *lo, ptrdiff_t *hi) {
  ptrdiff_t first = p->pw - q, last = p->w - 1 + p->pw - q;
  *lo = first <= 0 ? 0 : (first + p->sw - 1) / p->sw;
  *hi = last < 0 ? 0 : last / p->sw + 1;
  if (*hi > p->ow) *hi = p->ow;
}

static void avg_pool_row(const fnn_pool *p, ptrdiff_t oh, int count_include_pad, const float *x,
                         float *y) {
  const ptrdiff_t top = oh * p->sh - p->ph;
  const ptrdiff_t rows = window_extent(top, p->kh, p->h, p->ph, count_include_pad);
  memset(y, 0, sizeof *y * (size_t)p->ow);
  for (ptrdiff_t r = first_tap(top, 1); r < p->kh && top + r < p->h; r++) {
    const float *row = x + (top + r) * p->w;
    for (ptrdiff_t q = first_tap((p->ow - 1) * p->sw - p->pw, 1); q < p->kw && q < p->w + p->pw;
         q++) {
      const ptrdiff_t first = q - p->pw;
      ptrdiff_t lo, hi;
      valid_columns(p, q, &lo, &hi);
      if (p->sw == 1)
        for (ptrdiff_t i = lo; i < hi; i++) y[i] += row[i + first];
      else if (p->sw == 2)
        for (ptrdiff_t i = lo; i < hi; i++) y[i] += row[2 * i + first];
      else
        for (ptrdiff_t i = lo; i < hi; i++) y[i] += row[i * p->sw + first];
    }
  }
  for (ptrdiff_t i = 0; i < p->ow; i++)
    y[i] /= (float)(rows * window_extent(i * p->sw - p->pw, p->kw, p->w, p->pw, count_include_pad));
}

/* dx += the gradient of output row oh; dx is one (h, w) plane, zeroed by the caller. */
static void avg_pool_row_grad(const fnn_pool *p, ptrdiff_t oh, int count_include_pad,
                              const float *dy, float *dx) {
  const ptrdiff_t top = oh * p->sh - p->ph;
  const ptrdiff_t rows = window_extent(top, p->kh, p->h, p->ph, count_include_pad);
  for (ptrdiff_t r = first_tap(top, 1); r < p->kh && top + r < p->h; r++) {
    float *row = dx + (top + r) * p->w;
    for (ptrdiff_t q = first_tap((p->ow - 1) * p->sw - p->pw, 1); q < p->kw && q < p->w + p->pw;
         q++) {
      ptrdiff_t lo, hi;
      valid_columns(p, q, &lo, &hi);
      for (ptrdiff_t i = lo; i < hi; i++) {
        ptrdiff_t cols = window_extent(i * p->sw - p->pw, p->kw, p->w, p->pw, count_include_pad);
        row[i * p->sw + q - p->pw] += dy[i] / (float)(rows * cols);
      }
    }
  }
}
