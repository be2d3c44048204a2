/* ukernel/pool_avg.h - average pooling: taps are added in row-major order, then divided. */

FNN_INLINE void avg_row(ptrdiff_t ow, ptrdiff_t kw, ptrdiff_t n, const float *rows, ptrdiff_t step,
                        const int32_t *offset, const float *count, const float *inverse, float *y) {
  for (ptrdiff_t i = 0; i < ow; i += VF32_LANES) {
    vf32 sum = vf32_zero();
    const float *row = rows + i;
    for (ptrdiff_t r = 0; r < n; r++, row += step)
      for (ptrdiff_t q = 0; q < kw; q++) sum = vf32_add(sum, vf32_load(row + offset[q]));
    store_part(y + i, ow - i, vf32_div_by(sum, vf32_load(count + i), vf32_load(inverse + i)));
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

/* The divisors of an output row, and one divided by each. */
FNN_INLINE void divisors(ptrdiff_t ow, float n_rows, const float *n_columns, float *count,
                         float *inverse) {
  for (ptrdiff_t i = 0; i < ow; i += VF32_LANES) {
    const vf32 n = vf32_mul(vf32_set1(n_rows), vf32_load(n_columns + i));
    vf32_store(count + i, n);
    vf32_store(inverse + i, vf32_div(vf32_set1(1.0f), n));
  }
}

/* Output rows [first, last) of so many planes, one h * w and oh * ow after the other; y is whole
 * planes.  divisor: 0, or what every sum is divided by.  No dilation.
 * scratch: pool_scratch(p, last - first, 0) float32. */
static void avg_pool_planes(const fnn_pool *p, size_t planes, ptrdiff_t first, ptrdiff_t last,
                            int count_include_pad, float divisor, const float *x, float *y,
                            float *scratch) {
  const pool_phases f = forward_phases(p);
  const ptrdiff_t room = pool_round(p->ow + POOL_LANES);
  float *columns = scratch, *count = columns + room, *inverse = count + room;
  int32_t *offset = (int32_t *)(inverse + room);
  float *phases = (float *)offset + pool_round(p->kw), n_rows = 0.0f;
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
      const float under = row_count(p, count_include_pad, divisor, o);
      float *out = y + o * p->ow;
      if (under != n_rows || (i == 0 && o == first))
        divisors(p->ow, n_rows = under, columns, count, inverse);
      /* the next plane, while this one is summed */
      for (ptrdiff_t j = 0; j < p->sh * p->w; j += 16)
        __builtin_prefetch(x + (p->h + o * p->sh) * p->w + j);
#define AVG_ROW(KW, ROWS) avg_row(p->ow, KW, ROWS, rows, f.row, offset, count, inverse, out)
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
