/* ukernel/pool_grad.h - gradients of pooling: each pixel gathers from the few windows that it lies
 * in, in increasing order of outputs, so that dx is written once and needs no zeros before.
 *
 * Pixel column j * sw + f meets tap q of output j + offset where f + pw - q * dw = sw * offset. */

/* Which taps meet phase f of the columns: entries [start[f], start[f + 1]) of tap and offset, taps
 * in decreasing order, which is increasing order of outputs.  Which meet a row: those of its
 * row_phase; row_at and row_tap are room for a list of them. */
typedef struct pool_meet {
  int32_t *start, *tap, *offset, *row_phase, *row_offset, *row_at, *row_tap;
} pool_meet;

FNN_INLINE void find_meetings(const fnn_pool *p, const pool_phases *f, pool_meet *m) {
  ptrdiff_t n = 0;
  for (ptrdiff_t phase = 0; phase < p->sw; phase++) {
    m->start[phase] = (int32_t)n;
    for (ptrdiff_t q = p->kw - 1; q >= 0; q--) {
      const ptrdiff_t d = phase + p->pw - q * p->dw;
      if (d % p->sw) continue;
      m->tap[n] = (int32_t)q;
      m->offset[n++] = (int32_t)(f->left + d / p->sw);
    }
  }
  m->start[p->sw] = (int32_t)n;
  for (ptrdiff_t r = 0; r < p->kh; r++) {
    m->row_phase[r] = (int32_t)(r * p->dh % p->sh);
    m->row_offset[r] = (int32_t)(r * p->dh / p->sh);
  }
}

/* dx of lanes columns of one phase from `rows` rows of dy and taps, whose places and whose windows'
 * first taps are listed; n entries of tap and offset. */
FNN_INLINE vf32 gather(int max, ptrdiff_t rows, ptrdiff_t n, const int32_t *row_at,
                       const int32_t *row_tap, const int32_t *offset, const int32_t *tap,
                       const float *dy, const uint8_t *taps) {
  vf32 sum = vf32_zero();
  for (ptrdiff_t r = 0; r < rows; r++)
    for (ptrdiff_t q = 0; q < n; q++) {
      const ptrdiff_t at = row_at[r] + offset[q];
      vf32 v = vf32_load(dy + at);
      if (max) {
        const vmask here = vi32_eq(vi32_load_u8(taps + at), vi32_set1(row_tap[r] + tap[q]));
        v = vf32_select(here, v, vf32_zero());
      }
      sum = vf32_add(sum, v);
    }
  return sum;
}

/* One row of dx, with stride 1 or 2; n0 and n1: entries of the phases. */
FNN_INLINE void gather_row(const pool_meet *t, int max, ptrdiff_t s, ptrdiff_t rows, ptrdiff_t n0,
                           ptrdiff_t n1, ptrdiff_t w, const float *dy, const uint8_t *taps,
                           float *dx) {
  for (ptrdiff_t j = 0; s * j < w; j += VF32_LANES) {
    const vf32 a =
        gather(max, rows, n0, t->row_at, t->row_tap, t->offset, t->tap, dy + j, taps + j);
    if (s == 1) {
      store_part(dx + j, w - j, a);
      continue;
    }
    const vf32 b =
        gather(max, rows, n1, t->row_at, t->row_tap, t->offset + n0, t->tap + n0, dy + j, taps + j);
    store_two(dx + 2 * j, w - 2 * j, vf32_zip_lo(a, b), vf32_zip_hi(a, b));
  }
}

/* Rows of dx; dy and taps: rows from output row lo on, `pitch` apart. */
FNN_INLINE void gather_rows_into(const fnn_pool *p, const pool_meet *t, int max, ptrdiff_t first,
                                 ptrdiff_t last, ptrdiff_t lo, ptrdiff_t pitch, const float *dy,
                                 const uint8_t *taps, float *out, float *dx) {
  const ptrdiff_t w = p->w, n0 = t->start[1], n1 = t->start[p->sw] - n0;
  ptrdiff_t m = (first + p->ph) / p->sh, phase = (first + p->ph) % p->sh;
  for (ptrdiff_t row = first; row < last; row++) {
    float *to = dx + row * w;
    ptrdiff_t rows = 0;
    for (ptrdiff_t r = p->kh - 1; r >= 0; r--) {
      const ptrdiff_t o = m - t->row_offset[r];
      if (t->row_phase[r] != phase || o < 0 || o >= p->oh) continue;
      t->row_at[rows] = (int32_t)((o - lo) * pitch);
      t->row_tap[rows++] = (int32_t)(r * p->kw);
    }
#define GATHER_ROW(s, rows, n0, n1) gather_row(t, max, s, rows, n0, n1, w, dy, taps, to)
    if (p->sw == 2) { /* windows of 2 and 3 pixels, unrolled */
      if (rows == 1 && n0 == 2 && n1 == 1)
        GATHER_ROW(2, 1, 2, 1);
      else if (rows == 2 && n0 == 2 && n1 == 1)
        GATHER_ROW(2, 2, 2, 1);
      else if (rows == 1 && n0 == 1 && n1 == 2)
        GATHER_ROW(2, 1, 1, 2);
      else if (rows == 2 && n0 == 1 && n1 == 2)
        GATHER_ROW(2, 2, 1, 2);
      else if (rows == 1 && n0 == 1 && n1 == 1)
        GATHER_ROW(2, 1, 1, 1);
      else
        GATHER_ROW(2, rows, n0, n1);
    } else if (p->sw == 1) {
      if (rows == 3 && n0 == 3)
        GATHER_ROW(1, 3, 3, 0);
      else
        GATHER_ROW(1, rows, n0, 0);
    } else {
      for (ptrdiff_t f = 0; f < p->sw && f < w; f++) {
        const ptrdiff_t at = t->start[f], n = t->start[f + 1] - at;
        for (ptrdiff_t j = 0; j * p->sw + f < w; j += VF32_LANES)
          vf32_store(out + j, gather(max, rows, n, t->row_at, t->row_tap, t->offset + at,
                                     t->tap + at, dy + j, taps + j));
        for (ptrdiff_t j = 0; j * p->sw + f < w; j++) to[j * p->sw + f] = out[j];
      }
    }
#undef GATHER_ROW
    if (++phase == p->sh) phase = 0, m++;
  }
}

/* The parts of scratch: rows of dy, rows of taps, one phase of an output row, counts, tables. */
typedef struct pool_grad_scratch {
  float *dy, *out, *columns;
  uint8_t *tap;
  pool_meet meet;
} pool_grad_scratch;

FNN_INLINE pool_grad_scratch grad_scratch(const fnn_pool *p, const pool_phases *f, ptrdiff_t rows,
                                          float *scratch) {
  pool_grad_scratch s;
  s.dy = scratch;
  s.tap = (uint8_t *)(scratch + rows * f->pitch);
  s.out = scratch + rows * (f->pitch + f->pitch / 4);
  s.columns = s.out + pool_round(pool_ceil(p->w, p->sw) + POOL_LANES);
  s.meet.start = (int32_t *)(s.columns + pool_round(p->ow + POOL_LANES));
  s.meet.tap = s.meet.start + p->sw + 1;
  s.meet.offset = s.meet.tap + p->kw;
  s.meet.row_phase = s.meet.offset + p->kw;
  s.meet.row_offset = s.meet.row_phase + p->kh;
  s.meet.row_at = s.meet.row_offset + p->kh;
  s.meet.row_tap = s.meet.row_at + p->kh;
  find_meetings(p, f, &s.meet);
  return s;
}

/* Two rows of dx under a row of 2x2 windows that tile the plane. */
FNN_INLINE void max_2x2_grad(ptrdiff_t ow, ptrdiff_t w, const float *dy, const uint8_t *tap,
                             float *dx) {
  const vf32 zero = vf32_zero();
  for (ptrdiff_t i = 0; i < ow; i += VF32_LANES) {
    const ptrdiff_t n = ow - i;
    const vf32 v = vf32_add(load_part(dy + i, n), zero); /* a sum from 0: -0 is 0 */
    const vi32 t = load_bytes(tap + i, n);
    for (int r = 0; r < 2; r++) {
      const vf32 even = vf32_select(vi32_eq(t, vi32_set1(2 * r)), v, zero);
      const vf32 odd = vf32_select(vi32_eq(t, vi32_set1(2 * r + 1)), v, zero);
      store_two(dx + r * w + 2 * i, 2 * n, vf32_zip_lo(even, odd), vf32_zip_hi(even, odd));
    }
  }
  if (w > 2 * ow) dx[2 * ow] = dx[w + 2 * ow] = 0.0f;
}

/* Rows [first, last) of dx of so many planes, one h * w and oh * ow after the other, from dy and
 * the taps of max_pool_planes; all are whole planes.  A window whose tap is 255 has no gradient.
 * scratch: pool_scratch(p, last - first, 1) float32. */
static void max_pool_planes_grad(const fnn_pool *p, size_t planes, ptrdiff_t first, ptrdiff_t last,
                                 const float *dy, const uint8_t *tap, float *dx, float *scratch) {
  const ptrdiff_t outputs = p->oh * p->ow;
  ptrdiff_t lo, hi;
  if (p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2 && !p->ph && !p->pw && p->dh == 1 &&
      p->dw == 1 && p->h / 2 == p->oh && p->w / 2 == p->ow && first % 2 == 0 &&
      (last % 2 == 0 || last == p->h)) {
    for (size_t i = 0; i < planes; i++, dy += outputs, tap += outputs, dx += p->h * p->w) {
      for (ptrdiff_t o = first / 2; o < last / 2; o++)
        max_2x2_grad(p->ow, p->w, dy + o * p->ow, tap + o * p->ow, dx + 2 * o * p->w);
      if (last % 2) memset(dx + (last - 1) * p->w, 0, sizeof *dx * (size_t)p->w);
    }
    return;
  }
  const pool_phases f = backward_phases(p);
  rows_over(p, first, last, &lo, &hi);
  const pool_grad_scratch s = grad_scratch(p, &f, hi - lo, scratch);
  memset(s.tap, POOL_NO_TAP, (size_t)((hi - lo) * f.pitch));
  for (size_t i = 0; i < planes; i++, dy += outputs, tap += outputs, dx += p->h * p->w) {
    for (ptrdiff_t o = lo; o < hi; o++) {
      float *to = s.dy + (o - lo) * f.pitch + f.left;
      for (ptrdiff_t j = 0; j < p->ow; j += VF32_LANES)
        vf32_store(to + j, load_part(dy + o * p->ow + j, p->ow - j));
      memcpy(s.tap + (o - lo) * f.pitch + f.left, tap + o * p->ow, (size_t)p->ow);
    }
    gather_rows_into(p, &s.meet, 1, first, last, lo, f.pitch, s.dy, s.tap, s.out, dx);
  }
}

/* Rows [first, last) of dx of so many planes from dy, both whole planes; see avg_pool_planes. */
static void avg_pool_planes_grad(const fnn_pool *p, size_t planes, ptrdiff_t first, ptrdiff_t last,
                                 int count_include_pad, float divisor, const float *dy, float *dx,
                                 float *scratch) {
  const pool_phases f = backward_phases(p);
  ptrdiff_t lo, hi;
  rows_over(p, first, last, &lo, &hi);
  const pool_grad_scratch s = grad_scratch(p, &f, hi - lo, scratch);
  column_counts(p, count_include_pad, divisor, s.columns);
  memset(s.dy, 0, sizeof *s.dy * (size_t)((hi - lo) * f.pitch));
  for (size_t i = 0; i < planes; i++, dy += p->oh * p->ow, dx += p->h * p->w) {
    for (ptrdiff_t o = lo; o < hi; o++) {
      const vf32 count = vf32_set1(row_count(p, count_include_pad, divisor, o));
      float *to = s.dy + (o - lo) * f.pitch + f.left;
      for (ptrdiff_t j = 0; j < p->ow; j += VF32_LANES) /* behind the row: 0 / count = 0 */
        vf32_store(to + j, vf32_div(load_part(dy + o * p->ow + j, p->ow - j),
                                    vf32_mul(count, vf32_load(s.columns + j))));
    }
    gather_rows_into(p, &s.meet, 0, first, last, lo, f.pitch, s.dy, s.tap, s.out, dx);
  }
}
