/* ukernel/pool_avg.h - average pooling: taps are added in row-major order, then divided. */

FNN_INLINE void avg_row(ptrdiff_t ow, ptrdiff_t kw, ptrdiff_t n, const float *rows, ptrdiff_t step,
                        const int32_t *offset, float n_rows, const float *n_columns, float *y) {
  const vf32 factor = vf32_set1(n_rows);
  for (ptrdiff_t i = 0; i < ow; i += VF32_LANES) {
    vf32 sum = vf32_zero();
    const float *row = rows + i;
    for (ptrdiff_t r = 0; r < n; r++, row += step)
      for (ptrdiff_t q = 0; q < kw; q++) sum = vf32_add(sum, vf32_load(row + offset[q]));
    store_part(y + i, ow - i, vf32_div(sum, vf32_mul(factor, vf32_load(n_columns + i))));
  }
}

/* By how many columns each output divides, 1 with a divisor of the caller's. */
FNN_INLINE void column_counts(const fnn_pool *p, int include, float divisor, float *count) {
  for (ptrdiff_t i = 0; i < pool_round(p->ow + POOL_LANES); i++)
    count[i] = divisor != 0.0f || i >= p->ow
                   ? 1.0f
                   : (float)window_extent(i * p->sw - p->pw, p->kw, p->w, p->pw, include);
}

FNN_INLINE float row_count(const fnn_pool *p, int include, float divisor, ptrdiff_t o) {
  if (divisor != 0.0f) return divisor;
  return (float)window_extent(o * p->sh - p->ph, p->kh, p->h, p->ph, include);
}

/* Output rows [first, last) of so many planes, one h * w and oh * ow after the other; y is whole
 * planes.  divisor: 0, or what every sum is divided by.  No dilation.
 * scratch: pool_scratch(p, last - first, 0) float32. */
static void avg_pool_planes(const fnn_pool *p, size_t planes, ptrdiff_t first, ptrdiff_t last,
                            int count_include_pad, float divisor, const float *x, float *y,
                            float *scratch) {
  const pool_phases f = forward_phases(p);
  int32_t *offset = (int32_t *)scratch + 2 * pool_round(p->ow + POOL_LANES);
  float *columns = scratch, *phases = (float *)offset + pool_round(p->kw);
  ptrdiff_t lo, hi;
  rows_under(p, first, last, &lo, &hi);
  tap_offsets(p, &f, offset);
  column_counts(p, count_include_pad, divisor, columns);
  for (size_t i = 0; i < planes; i++, x += p->h * p->w, y += p->oh * p->ow) {
    split_rows(p, &f, 0.0f, lo, hi, i == 0, x, phases);
    for (ptrdiff_t o = first; o < last; o++) {
      const ptrdiff_t top = o * p->sh - p->ph;
      const ptrdiff_t r0 = first_tap(top, 1), r1 = end_tap(top, 1, p->kh, p->h);
      const float *rows = phases + (r0 < r1 ? top + r0 - lo : 0) * f.row;
      const float count = row_count(p, count_include_pad, divisor, o);
      float *out = y + o * p->ow;
#define AVG_ROW(KW, ROWS) avg_row(p->ow, KW, ROWS, rows, f.row, offset, count, columns, out)
      if (p->kw == 3 && r1 - r0 == 3)
        AVG_ROW(3, 3);
      else if (p->kw == 2 && r1 - r0 == 2)
        AVG_ROW(2, 2);
      else
        AVG_ROW(p->kw, r1 - r0);
#undef AVG_ROW
    }
  }
}
