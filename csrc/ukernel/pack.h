/* ukernel/pack.h - operands rearranged for the GEMM tile (Goto & van de Geijn 2008).
 *
 * A becomes panels of mr rows, column after column: out[(i / mr) * mr * k + p * mr + i % mr].
 * B becomes panels of nr columns, row after row:    out[(j / nr) * nr * k + p * nr + j % nr].
 * Padding rows and columns are zero.  No alignment needed; out may not overlap the input. */

/* One block of at most lanes x lanes; `rows` x `cols` of it exist. */
FNN_INLINE void transpose_block(size_t rows, size_t cols, const float *x, ptrdiff_t x_row, float *y,
                                ptrdiff_t y_row) {
  vf32 r[VF32_LANES];
  if (rows == VF32_LANES && cols == VF32_LANES) {
#pragma GCC unroll 16
    for (int q = 0; q < VF32_LANES; q++) r[q] = vf32_load(x + q * x_row);
    vf32_transpose(r);
#pragma GCC unroll 16
    for (int q = 0; q < VF32_LANES; q++) vf32_store(y + q * y_row, r[q]);
    return;
  }
#pragma GCC unroll 16
  for (int q = 0; q < VF32_LANES; q++)
    r[q] = (size_t)q >= rows    ? vf32_zero()
           : cols == VF32_LANES ? vf32_load(x + q * x_row)
                                : vf32_load_tail(x + q * x_row, cols);
  vf32_transpose(r);
#pragma GCC unroll 16
  for (int q = 0; q < VF32_LANES; q++) {
    if ((size_t)q >= cols) break;
    if (rows == VF32_LANES)
      vf32_store(y + q * y_row, r[q]);
    else
      vf32_store_tail(y + q * y_row, r[q], rows);
  }
}

/* `ahead` elements further on each row is asked for early: with many rows in turn the hardware
 * loses sight of them (1 x 9216 x 4096 from DRAM: pytest bench -k gemm). */
FNN_INLINE void transpose_all(size_t m, size_t n, const float *x, ptrdiff_t x_row, float *y,
                              ptrdiff_t y_row, const ptrdiff_t ahead) {
  for (size_t i = 0; i < m; i += VF32_LANES) {
    const size_t rows = m - i < VF32_LANES ? m - i : VF32_LANES;
    for (size_t j = 0; j < n; j += VF32_LANES) {
      const float *from = x + (ptrdiff_t)i * x_row + (ptrdiff_t)j;
      if (ahead)
        for (size_t r = 0; r < rows; r++) __builtin_prefetch(from + (ptrdiff_t)r * x_row + ahead);
      transpose_block(rows, n - j < VF32_LANES ? n - j : VF32_LANES, from, x_row,
                      y + (ptrdiff_t)j * y_row + (ptrdiff_t)i, y_row);
    }
  }
}

/* y (n x m) = x (m x n) transposed; row strides x_row, y_row. */
static void transpose(size_t m, size_t n, const float *x, ptrdiff_t x_row, float *y,
                      ptrdiff_t y_row) {
  transpose_all(m, n, x, x_row, y, y_row, 0);
}

/* One panel: `width` lines of a source whose lines are `line` apart and whose elements are `step`
 * apart, written as out[p * full + i].  Both packings are this. */
FNN_INLINE void pack_panel(size_t full, size_t width, size_t k, const float *x, ptrdiff_t line,
                           ptrdiff_t step, float *out) {
  if (width < full) memset(out, 0, sizeof *out * full * k);
  if (line == 1) {
    size_t vectors = width / VF32_LANES, tail = width % VF32_LANES;
    for (size_t p = 0; p < k; p++, x += step, out += full) {
      for (size_t v = 0; v < vectors; v++)
        vf32_store(out + v * VF32_LANES, vf32_load(x + v * VF32_LANES));
      if (tail) {
        size_t done = vectors * VF32_LANES;
        for (size_t i = 0; i < tail; i++) out[done + i] = x[done + i];
      }
    }
  } else if (step == 1) {
    transpose_all(width, k, x, line, out, (ptrdiff_t)full, 256);
  } else {
    for (size_t p = 0; p < k; p++)
      for (size_t i = 0; i < width; i++)
        out[p * full + i] = x[(ptrdiff_t)i * line + (ptrdiff_t)p * step];
  }
}

static void pack_a(size_t m, size_t k, const float *a, ptrdiff_t row, ptrdiff_t col, float *out) {
  const size_t mr = GEMM_MR;
  for (size_t i = 0; i < m; i += mr)
    pack_panel(mr, m - i < mr ? m - i : mr, k, a + (ptrdiff_t)i * row, row, col, out + i * k);
}

static void pack_b(size_t k, size_t n, const float *b, ptrdiff_t row, ptrdiff_t col, float *out) {
  const size_t nr = 2 * VF32_LANES;
  for (size_t j = 0; j < n; j += nr)
    pack_panel(nr, n - j < nr ? n - j : nr, k, b + (ptrdiff_t)j * col, col, row, out + j * k);
}

/* Implicit im2col (Chetlur et al. 2014, arXiv:1410.0759): B[p][j] = x[tap_off[p] + pixel_off[j]]
 * packed as by pack_b, with no im2col matrix in memory.  x is the zero-padded image; pixel_off
 * increases strictly. */
static void pack_patches(size_t k, size_t n, const float *x, const ptrdiff_t *tap_off,
                         const ptrdiff_t *pixel_off, float *out) {
  const size_t nr = 2 * VF32_LANES;
  for (size_t j = 0; j < n; j += nr) {
    const ptrdiff_t *pix = pixel_off + j;
    const size_t width = n - j < nr ? n - j : nr;
    float *panel = out + j * k;
    if (width == nr && pix[nr - 1] - pix[0] == (ptrdiff_t)nr - 1) { /* one run of pixels */
      for (size_t p = 0; p < k; p++) {
        const float *src = x + tap_off[p] + pix[0];
        vf32_store(panel + p * nr, vf32_load(src));
        vf32_store(panel + p * nr + VF32_LANES, vf32_load(src + VF32_LANES));
      }
    } else {
      if (width < nr) memset(panel, 0, sizeof *panel * nr * k);
      for (size_t p = 0; p < k; p++) {
        const float *src = x + tap_off[p];
        for (size_t i = 0; i < width; i++) panel[p * nr + i] = src[pix[i]];
      }
    }
  }
}

/* y[2 i] = a[i], y[2 i + 1] = b[i], i < n. */
static void zip_pairs(size_t n, const float *a, const float *b, float *y) {
  size_t i = 0;
  for (; i + VF32_LANES <= n; i += VF32_LANES) {
    const vf32 p = vf32_load(a + i), q = vf32_load(b + i);
    vf32_store(y + 2 * i, vf32_zip_lo(p, q));
    vf32_store(y + 2 * i + VF32_LANES, vf32_zip_hi(p, q));
  }
  for (; i < n; i++) y[2 * i] = a[i], y[2 * i + 1] = b[i];
}
