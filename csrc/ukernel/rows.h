/* ukernel/rows.h - rows of a table by their places: sums, maxima, additions.
 *
 * Row i of x is the n elements from x[from[i]], of y those from y[to[i]]; an offset below 0 leaves
 * the row out.  scale (count,) multiplies rows, NULL: they are taken as they are.  Every element
 * adds its rows in increasing i, so that columns may be cut anywhere.  Any n, no alignment. */

#define ROW_VECTORS 4 /* vectors of a row that are summed or compared in registers */

FNN_INLINE vf32 row_term(const float *scale, size_t i, vf32 x, vf32 total) {
  return scale ? vf32_fmadd(vf32_set1(scale[i]), x, total) : vf32_add(total, x);
}

/* y[to[i] + j] += scale[i] x[from[i] + j]; y does not overlap x. */
static void scatter_add_rows(size_t count, size_t n, const ptrdiff_t *to, const ptrdiff_t *from,
                             const float *scale, const float *x, float *y) {
  for (size_t i = 0; i < count; i++) {
    if (i + 4 < count && to[i + 4] >= 0) /* the rows of a large table are far apart */
      __builtin_prefetch(y + to[i + 4], 1);
    if (to[i] < 0 || from[i] < 0) continue;
    const float *source = x + from[i];
    float *out = y + to[i];
    size_t j = 0;
    for (; j + VF32_LANES <= n; j += VF32_LANES)
      vf32_store(out + j, row_term(scale, i, vf32_load(source + j), vf32_load(out + j)));
    if (j < n)
      vf32_store_tail(
          out + j,
          row_term(scale, i, vf32_load_tail(source + j, n - j), vf32_load_tail(out + j, n - j)),
          n - j);
  }
}

/* y[j] = sum_i scale[i] x[from[i] + j] */
static void sum_rows(size_t count, size_t n, const ptrdiff_t *from, const float *scale,
                     const float *x, float *y) {
  size_t j = 0;
  for (; j + ROW_VECTORS * VF32_LANES <= n; j += ROW_VECTORS * VF32_LANES) {
    vf32 total[ROW_VECTORS];
    for (int v = 0; v < ROW_VECTORS; v++) total[v] = vf32_zero();
    for (size_t i = 0; i < count; i++) {
      if (from[i] < 0) continue;
      const float *row = x + from[i] + j;
#pragma GCC unroll 4
      for (int v = 0; v < ROW_VECTORS; v++)
        total[v] = row_term(scale, i, vf32_load(row + v * VF32_LANES), total[v]);
    }
    for (int v = 0; v < ROW_VECTORS; v++) vf32_store(y + j + v * VF32_LANES, total[v]);
  }
  for (; j < n; j += VF32_LANES) {
    vf32 total = vf32_zero();
    for (size_t i = 0; i < count; i++)
      if (from[i] >= 0) total = row_term(scale, i, load_some(x + from[i] + j, n - j), total);
    store_some(y + j, total, n - j);
  }
}

/* y[j] = max_i x[from[i] + j] and which[j] = first + i, the least i among equals; NaN is the
 * largest.  Without rows 0 and -1. */
static void max_rows(size_t count, size_t n, int32_t first, const ptrdiff_t *from, const float *x,
                     float *y, int32_t *which) {
  for (size_t j = 0; j < n; j += VF32_LANES) {
    const size_t some = n - j;
    vf32 best = vf32_zero();
    vi32 at = vi32_set1(-1);
    int empty = 1;
    for (size_t i = 0; i < count; i++) {
      if (from[i] < 0) continue;
      const vf32 row = load_some(x + from[i] + j, some);
      const vi32 here = vi32_set1(first + (int32_t)i);
      if (empty) {
        best = row, at = here, empty = 0;
      } else {
        vmask more = vmask_or(vf32_gt(row, best), vmask_andnot(vf32_isnan(row), vf32_isnan(best)));
        best = vf32_select(more, row, best), at = vi32_select(more, here, at);
      }
    }
    store_some(y + j, best, some);
    if (some >= VF32_LANES)
      vi32_store(which + j, at);
    else
      vi32_store_tail(which + j, at, some);
  }
}

/* Largest |x|, 0 of nothing; a NaN anywhere gives NaN. */
static float vabsmax(size_t n, const float *x) {
  const vf32 sign = vf32_set1(-0.0f);
  vl16 s = vl16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    vl16 a = i + 16 <= n ? vl16_load(x + i) : vl16_load_tail(x + i, n - i, 0.0f);
    VL16_EACH(s.v[q] = vf32_max_nan(s.v[q], vf32_xor(a.v[q], vf32_and(a.v[q], sign))));
  }
  return vl16_max(s);
}

/* y = x within [-limit, limit], limit >= 0; NaN stays NaN; y may be x. */
static void vclamp(size_t n, float limit, const float *x, float *y) {
  const vf32 high = vf32_set1(limit), low = vf32_set1(-limit);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const vf32 a = load_some(x + i, n - i);
    const vf32 b = vf32_select(vf32_gt(a, high), high, a);
    store_some(y + i, vf32_select(vf32_lt(b, low), low, b), n - i);
  }
}
