/* ukernel/pool_max.h - max pooling.
 *
 * Of equal maxima the first in row-major order wins, a NaN beats every number, the last NaN all
 * others (as PyTorch).  Padding never wins.  Where the maximum was is kept as one byte, its
 * position in the window r * kw + q, which a backward pass reads four times faster than an index.
 */

#define POOL_BEATS(c, best) vmask_or(vf32_gt(c, best), vf32_isnan(c))

FNN_INLINE void take_if_better(vf32 c, vi32 at, int taps, vf32 *best, vi32 *where) {
  const vmask win = POOL_BEATS(c, *best);
  *best = vf32_select(win, c, *best);
  if (taps) *where = vi32_select(win, at, *where);
}

/* n <= lanes outputs to y and tap; relu: of the rectified image. */
FNN_INLINE void store_maxima(ptrdiff_t n, int relu, int taps, vf32 best, vi32 where, float *y,
                             uint8_t *tap) {
  if (taps) {
    if (relu) where = vi32_select(vf32_gt(best, vf32_zero()), where, vi32_set1(POOL_NO_TAP));
    store_bytes(tap, n, where);
  }
  if (relu) best = relu_vf32(best);
  store_part(y, n, best);
}

/* Windows of 2x2 pixels that tile the plane, straight from the image. */
FNN_INLINE void max_2x2_row(ptrdiff_t ow, int relu, int taps, const float *r0, const float *r1,
                            float *y, uint8_t *tap) {
  for (ptrdiff_t i = 0; i < ow; i += VF32_LANES) {
    vf32 a0, b0, a1, b1;
    load_two(r0 + 2 * i, 2 * (ow - i), &a0, &b0);
    load_two(r1 + 2 * i, 2 * (ow - i), &a1, &b1);
    vf32 best = vf32_even(a0, b0);
    vi32 where = vi32_set1(0);
    take_if_better(vf32_odd(a0, b0), vi32_set1(1), taps, &best, &where);
    take_if_better(vf32_even(a1, b1), vi32_set1(2), taps, &best, &where);
    take_if_better(vf32_odd(a1, b1), vi32_set1(3), taps, &best, &where);
    store_maxima(ow - i, relu, taps, best, where, y + i, taps ? tap + i : NULL);
  }
}

/* One vector of outputs, any values. */
FNN_INLINE void max_vector(ptrdiff_t rows, ptrdiff_t kw, int taps, const float *row, ptrdiff_t step,
                           const int32_t *offset, vi32 at, vf32 *best, vi32 *where) {
  for (ptrdiff_t r = 0; r < rows; r++, row += step)
    for (ptrdiff_t q = 0; q < kw; q++, at = vi32_add(at, vi32_set1(1)))
      take_if_better(vf32_load(row + offset[q]), at, taps, best, where);
}

/* The same without NaN: a maximum needs no mask then.  Returns whether there was one; best and
 * where are good for nothing in that case. */
FNN_INLINE int max_vector_of_numbers(ptrdiff_t rows, ptrdiff_t kw, int taps, const float *row,
                                     ptrdiff_t step, const int32_t *offset, vi32 at, vf32 *best,
                                     vi32 *where) {
  vmask nan = vf32_isnan(*best); /* none */
  for (ptrdiff_t r = 0; r < rows; r++, row += step) {
    vf32 before = *best;
    for (ptrdiff_t q = 0; q < kw; q++) {
      const vf32 c = vf32_load(row + offset[q]);
      if (taps) {
        *where = vi32_select(vf32_gt(c, *best), at, *where);
        at = vi32_add(at, vi32_set1(1));
      }
      *best = vf32_max(c, *best);
      if (q & 1) /* two taps by one comparison */
        nan = vmask_or(nan, vf32_unordered(c, before));
      else if (q + 1 == kw)
        nan = vmask_or(nan, vf32_isnan(c));
      before = c;
    }
  }
  return vmask_any(nan);
}

/* One output row.  rows: phases of its window's first image row inside of the plane; r0: the
 * first of n taps inside; q0: for each output its first tap inside the row, -1 if there is none. */
FNN_INLINE void max_row(ptrdiff_t ow, ptrdiff_t kw, int relu, int taps, ptrdiff_t r0, ptrdiff_t n,
                        const float *rows, ptrdiff_t step, const int32_t *offset, const int32_t *q0,
                        float *y, uint8_t *tap) {
  const vi32 none = vi32_set1(POOL_NO_TAP), at = vi32_set1((int32_t)(r0 * kw));
  for (ptrdiff_t i = 0; i < ow; i += VF32_LANES) {
    vf32 best = vf32_set1(-INFINITY);
    vi32 where = none;
    if (taps && n > 0) {
      const vi32 q = vi32_load(q0 + i);
      where = vi32_select(vi32_gt(vi32_set1(0), q), none, vi32_add(q, at));
    }
    const vf32 best0 = best;
    const vi32 where0 = where;
    if (max_vector_of_numbers(n, kw, taps, rows + i, step, offset, at, &best, &where)) {
      best = best0, where = where0;
      max_vector(n, kw, taps, rows + i, step, offset, at, &best, &where);
    }
    store_maxima(ow - i, relu, taps, best, where, y + i, taps ? tap + i : NULL);
  }
}

static void max_pool_plane(const fnn_pool *p, const pool_phases *f, ptrdiff_t first, ptrdiff_t last,
                           int relu, int fresh, const float *x, float *y, uint8_t *tap,
                           const int32_t *offset, const int32_t *q0, float *scratch) {
  ptrdiff_t lo, hi;
  rows_under(p, first, last, &lo, &hi);
  split_rows(p, f, -INFINITY, lo, hi, fresh, x, scratch);
  for (ptrdiff_t o = first; o < last; o++, y += p->ow, tap += tap ? p->ow : 0) {
    const ptrdiff_t top = o * p->sh - p->ph;
    const ptrdiff_t r0 = first_tap(top, p->dh), r1 = end_tap(top, p->dh, p->kh, p->h);
    const float *rows = scratch + (r0 < r1 ? top + r0 * p->dh - lo : 0) * f->row;
#define MAX_ROW(KW, ROWS, T) \
  max_row(p->ow, KW, relu, T, r0, ROWS, rows, p->dh * f->row, offset, q0, y, tap)
    const ptrdiff_t n = r1 - r0, square = p->kw == n ? n : 0;
    if (square == 3 && tap)
      MAX_ROW(3, 3, 1);
    else if (square == 3)
      MAX_ROW(3, 3, 0);
    else if (square == 2 && tap)
      MAX_ROW(2, 2, 1);
    else if (tap)
      MAX_ROW(p->kw, n, 1);
    else
      MAX_ROW(p->kw, n, 0);
#undef MAX_ROW
  }
}

/* Output rows [first, last) of so many planes, one h * w and oh * ow after the other; y and tap
 * are whole planes.  relu: y = max(y, 0).  tap (NULL: not wanted): position of the maximum in its
 * window, kh * kw <= 255; 255 if the window sees nothing but padding (y = -inf) or if, with relu,
 * the maximum is not above zero.  scratch: pool_scratch(p, last - first, 0) float32. */
static void max_pool_planes(const fnn_pool *p, size_t planes, ptrdiff_t first, ptrdiff_t last,
                            int relu, const float *x, float *y, uint8_t *tap, float *scratch) {
  const ptrdiff_t w = p->w, outputs = p->oh * p->ow;
  const int tiled = p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2 && !p->ph && !p->pw &&
                    p->dh == 1 && p->dw == 1 && 2 * p->oh <= p->h && 2 * p->ow <= w;
  int32_t *q0 = (int32_t *)scratch, *offset = q0 + 2 * pool_round(p->ow + POOL_LANES);
  const pool_phases f = forward_phases(p);
  if (!tiled) {
    tap_offsets(p, &f, offset);
    for (ptrdiff_t i = 0; i < pool_round(p->ow + POOL_LANES); i++) {
      const ptrdiff_t left = i * p->sw - p->pw, q = first_tap(left, p->dw);
      q0[i] = q < end_tap(left, p->dw, p->kw, w) ? (int32_t)q : -1;
    }
  }
  for (size_t i = 0; i < planes; i++, x += p->h * w) {
    float *y_rows = y + (ptrdiff_t)i * outputs + first * p->ow;
    uint8_t *tap_rows = tap ? tap + (ptrdiff_t)i * outputs + first * p->ow : NULL;
    if (!tiled) {
      max_pool_plane(p, &f, first, last, relu, i == 0, x, y_rows, tap_rows, offset, q0,
                     (float *)offset + pool_round(p->kw));
      continue;
    }
    for (ptrdiff_t o = first; o < last; o++, y_rows += p->ow) {
      const float *row = x + 2 * o * w;
      if (tap)
        max_2x2_row(p->ow, relu, 1, row, row + w, y_rows, tap_rows), tap_rows += p->ow;
      else
        max_2x2_row(p->ow, relu, 0, row, row + w, y_rows, NULL);
    }
  }
}

/* y and index (flat in the plane, -1: nothing but padding) of one output row, for windows of more
 * than 255 taps. */
static void max_pool_row(const fnn_pool *p, ptrdiff_t row, const float *x, float *y,
                         int32_t *index) {
  const ptrdiff_t top = row * p->sh - p->ph;
  const ptrdiff_t r0 = first_tap(top, p->dh), r1 = end_tap(top, p->dh, p->kh, p->h);
  for (ptrdiff_t i = 0; i < p->ow; i++) {
    const ptrdiff_t left = i * p->sw - p->pw;
    const ptrdiff_t q0 = first_tap(left, p->dw), q1 = end_tap(left, p->dw, p->kw, p->w);
    float best = -INFINITY;
    ptrdiff_t at = -1;
    for (ptrdiff_t r = r0; r < r1; r++)
      for (ptrdiff_t q = q0; q < q1; q++) {
        const ptrdiff_t pixel = (top + r * p->dh) * p->w + left + q * p->dw;
        if (at < 0 || x[pixel] > best || x[pixel] != x[pixel]) best = x[pixel], at = pixel;
      }
    y[i] = best;
    index[i] = (int32_t)at;
  }
}

/* dx[index[i]] += dy[i], i < n in order; dx is zeroed by the caller.  relu: only where y > 0.
 * An index of -1 marks a window that saw nothing but padding: it has no gradient. */
static void max_pool_scatter(size_t n, int relu, const float *dy, const float *y,
                             const int32_t *index, float *dx) {
  for (size_t i = 0; i < n; i++)
    if (index[i] >= 0) /* ReLU as arithmetic: a branch on it would be guessed wrong half the time */
      dx[index[i]] += relu && !(y[i] > 0.0f) ? 0.0f : dy[i];
}
