/* ukernel/pool.h - what max and average pooling of NCHW planes share: window geometry and rows
 * whose columns are split by stride.
 *
 * fnn_pool holds the plane (h, w), the window: extent kh kw, stride sh sw, padding ph pw, dilation
 * dh dw, and the outputs (oh, ow).  Column j * sw + f of an image row is element j of its phase f,
 * so that neighbouring outputs find one tap of their windows in neighbouring elements, whatever
 * stride and dilation are.  Rows of phases lie in scratch, with padding filled in. */

#define POOL_LANES 16 /* the widest vector: slack behind a row that may be read, not used */
#define POOL_NO_TAP 255

FNN_INLINE ptrdiff_t pool_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
FNN_INLINE ptrdiff_t pool_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
FNN_INLINE ptrdiff_t pool_ceil(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; } /* a >= 0 */
FNN_INLINE ptrdiff_t pool_round(ptrdiff_t a) {
  return (a + POOL_LANES - 1) / POOL_LANES * POOL_LANES;
}

/* The first tap of a window from `start` on that is not left of the image. */
FNN_INLINE ptrdiff_t first_tap(ptrdiff_t start, ptrdiff_t dilation) {
  return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
}

/* Number of taps of a window from `start` on before the end of the image. */
FNN_INLINE ptrdiff_t end_tap(ptrdiff_t start, ptrdiff_t dilation, ptrdiff_t k, ptrdiff_t size) {
  if (start >= size) return 0;
  return pool_min(k, (dilation == 1 ? size - 1 - start : (size - 1 - start) / dilation) + 1);
}

/* Number of elements that an average divides by: with count_include_pad the window clipped to the
 * padded plane, else its part inside the plane (as PyTorch). */
FNN_INLINE ptrdiff_t window_extent(ptrdiff_t start, ptrdiff_t k, ptrdiff_t size, ptrdiff_t pad,
                                   int include) {
  ptrdiff_t end = pool_min(start + k, size + pad);
  if (include) return end - start;
  return pool_min(end, size) - pool_max(start, 0);
}

/* Image rows split into phases, for the forward pass.  Phase f of a row begins at f * pitch with
 * `left` elements, of which the last `pad` are padding; `used` elements from there on are ever
 * looked at.  left is a number of vectors, so that stores do not straddle cache lines. */
typedef struct pool_phases {
  ptrdiff_t left, pad, used, pitch, row;
} pool_phases;

FNN_INLINE pool_phases forward_phases(const fnn_pool *p) {
  pool_phases f;
  f.pad = pool_ceil(p->pw, p->sw);
  f.left = pool_round(f.pad);
  f.used = p->ow + (p->kw - 1) * p->dw / p->sw;
  f.pitch = pool_round(f.left + f.used + POOL_LANES);
  f.row = p->sw * f.pitch;
  return f;
}

/* Outputs in padded rows, for the backward pass: `left` elements before output 0. */
FNN_INLINE pool_phases backward_phases(const fnn_pool *p) {
  pool_phases f;
  f.pad = (p->kw - 1) * p->dw / p->sw;
  f.left = pool_round(f.pad);
  f.used = pool_max(p->ow, pool_ceil(p->w, p->sw) + (p->sw - 1 + p->pw) / p->sw);
  f.pitch = pool_round(f.left + f.used + POOL_LANES);
  f.row = f.pitch;
  return f;
}

/* Input rows under output rows [first, last), and output rows over input rows [first, last). */
FNN_INLINE void rows_under(const fnn_pool *p, ptrdiff_t first, ptrdiff_t last, ptrdiff_t *lo,
                           ptrdiff_t *hi) {
  *lo = pool_max(0, first * p->sh - p->ph);
  *hi = pool_max(*lo, pool_min(p->h, (last - 1) * p->sh - p->ph + (p->kh - 1) * p->dh + 1));
}
FNN_INLINE void rows_over(const fnn_pool *p, ptrdiff_t first, ptrdiff_t last, ptrdiff_t *lo,
                          ptrdiff_t *hi) {
  const ptrdiff_t reach = first + p->ph - (p->kh - 1) * p->dh;
  *lo = reach <= 0 ? 0 : pool_ceil(reach, p->sh);
  *hi = pool_max(*lo, pool_min(p->oh, (last - 1 + p->ph) / p->sh + 1));
}

/* Number of float32 of scratch for `rows` output rows, or with gradient for `rows` input rows, of
 * a plane: rows of phases, then tables of 32-bit integers. */
static size_t pool_scratch(const fnn_pool *p, ptrdiff_t rows, int gradient) {
  if (!gradient) {
    const pool_phases f = forward_phases(p);
    const ptrdiff_t under = pool_min(p->h, (rows - 1) * p->sh + (p->kh - 1) * p->dh + 1);
    return (size_t)(under * f.row + 3 * pool_round(p->ow + POOL_LANES) + pool_round(p->kw));
  }
  const pool_phases f = backward_phases(p);
  const ptrdiff_t over = pool_min(p->oh, (rows - 1 + (p->kh - 1) * p->dh) / p->sh + 2);
  const ptrdiff_t out = pool_round(pool_ceil(p->w, p->sw) + POOL_LANES);
  return (size_t)(over * (f.pitch + f.pitch / 4) + out + pool_round(p->ow + POOL_LANES) +
                  4 * p->kh + 2 * p->kw + p->sw + 1);
}

/* 2 * lanes elements from x on, of which n are there; the others are zero. */
FNN_INLINE void load_two(const float *x, ptrdiff_t n, vf32 *a, vf32 *b) {
  const ptrdiff_t L = VF32_LANES;
  if (n >= 2 * L) {
    *a = vf32_load(x), *b = vf32_load(x + L);
  } else {
    *a = n >= L ? vf32_load(x) : vf32_load_tail(x, (size_t)n);
    *b = n > L ? vf32_load_tail(x + L, (size_t)(n - L)) : vf32_zero();
  }
}

/* The n <= 2 * lanes elements of (a, b) to x. */
FNN_INLINE void store_two(float *x, ptrdiff_t n, vf32 a, vf32 b) {
  const ptrdiff_t L = VF32_LANES;
  if (n >= 2 * L) {
    vf32_store(x, a), vf32_store(x + L, b);
  } else if (n >= L) {
    vf32_store(x, a);
    if (n > L) vf32_store_tail(x + L, b, (size_t)(n - L));
  } else {
    vf32_store_tail(x, a, (size_t)n);
  }
}

FNN_INLINE void store_part(float *x, ptrdiff_t n, vf32 v) {
  if (n >= VF32_LANES)
    vf32_store(x, v);
  else
    vf32_store_tail(x, v, (size_t)n);
}

FNN_INLINE vf32 load_part(const float *x, ptrdiff_t n) {
  return n >= VF32_LANES ? vf32_load(x) : vf32_load_tail(x, (size_t)n);
}

/* The n <= lanes low bytes of v to tap. */
FNN_INLINE void store_bytes(uint8_t *tap, ptrdiff_t n, vi32 v) {
  uint8_t all[VF32_LANES];
  const uint8_t *from = all;
  if (n >= VF32_LANES) {
    vi32_store_u8(tap, v);
    return;
  }
  vi32_store_u8(all, v);
  for (ptrdiff_t part = VF32_LANES / 2; part; part /= 2) /* lengths that the compiler knows */
    if (n & part) memcpy(tap, from, (size_t)part), tap += part, from += part;
}

FNN_INLINE vi32 load_bytes(const uint8_t *tap, ptrdiff_t n) {
  return n >= VF32_LANES ? vi32_load_u8(tap) : vi32_load_u8_tail(tap, (size_t)n);
}

FNN_INLINE vf32 load_some_or(const float *x, ptrdiff_t n, float fill) {
  if (n >= VF32_LANES) return vf32_load(x);
  return n > 0 ? vf32_load_tail_or(x, (size_t)n, fill) : vf32_set1(fill);
}

/* Vectors of fill to [from, to) at x; from is a multiple of the lanes, the last may reach beyond.
 */
FNN_INLINE void fill_vectors(float *x, ptrdiff_t from, ptrdiff_t to, float fill) {
  for (ptrdiff_t j = from; j < to; j += VF32_LANES) vf32_store(x + j, vf32_set1(fill));
}

/* Image rows [lo, hi) of the plane x into their phases at out; what lies outside of the plane is
 * `fill`, which stays there from plane to plane: it is written if `fresh`.  Elements behind `used`
 * are left as they come. */
FNN_INLINE void split_rows(const fnn_pool *p, const pool_phases *f, float fill, ptrdiff_t lo,
                           ptrdiff_t hi, int fresh, const float *x, float *out) {
  const ptrdiff_t L = VF32_LANES, s = p->sw, w = p->w, rows = hi - lo, pitch = f->pitch;
  const ptrdiff_t n = pool_min(pool_ceil(w, s), f->used), end = pool_ceil(n, L) * L;
  const ptrdiff_t step = f->row;
  x += lo * w, out += f->left;
  if (s <= 2)
    for (ptrdiff_t j = 0; j < n; j += L) {
      const float *from = x + s * j;
      float *to = out + j;
      for (ptrdiff_t row = 0, there = w - s * j; row < rows; row++, from += w, to += step) {
        const vf32 a = load_some_or(from, there, fill);
        if (s == 1) {
          vf32_store(to, a);
        } else {
          const vf32 b = load_some_or(from + L, there - L, fill);
          vf32_store(to, vf32_even(a, b));
          vf32_store(to + pitch, vf32_odd(a, b));
        }
      }
    }
  if (s <= 2 && (!fresh || (!f->pad && end >= f->used))) return;
  for (ptrdiff_t row = 0; row < rows; row++, out += step, x += w)
    for (ptrdiff_t phase = 0; phase < s; phase++) {
      float *to = out + phase * pitch;
      fill_vectors(to, -pool_ceil(f->pad, L) * L, 0, fill);
      if (s <= 2) {
        fill_vectors(to, end, f->used, fill);
      } else {
        for (ptrdiff_t j = 0; j < f->used; j++) to[j] = j * s + phase < w ? x[j * s + phase] : fill;
      }
    }
}

/* Where tap q of output 0 lies in a row of phases. */
FNN_INLINE void tap_offsets(const fnn_pool *p, const pool_phases *f, int32_t *offset) {
  for (ptrdiff_t q = 0; q < p->kw; q++) {
    const ptrdiff_t column = q * p->dw - p->pw + f->left * p->sw; /* >= 0 */
    offset[q] = (int32_t)(column % p->sw * f->pitch + column / p->sw);
  }
}
