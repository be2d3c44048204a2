/* ukernel/som.h - self-organising maps (Kohonen 1982, doi:10.1007/BF00337288).
 *
 * Units stand in panels of SOM_PANEL: w is (panels, n, SOM_PANEL), one feature of all units of a
 * panel side by side.  So a distance is one chain of FMA over the features, the same for every
 * vector width, and few features fill a vector as well as many. */

#define SOM_PANEL 32
#define SOM_VECTORS (SOM_PANEL / VF32_LANES)

/* y[i] = scale * ((row[i] - at_row)^2 + (col[i] - at_col)^2), i in [0, n). */
static void grid_distances(size_t n, float scale, float at_row, float at_col, const float *row,
                           const float *col, float *y) {
  const vf32 s = vf32_set1(scale), r = vf32_set1(at_row), c = vf32_set1(at_col);
  for (size_t i = 0; i < n; i += VF32_LANES) {
    const int whole = i + VF32_LANES <= n;
    const vf32 dr = vf32_sub(whole ? vf32_load(row + i) : vf32_load_tail(row + i, n - i), r);
    const vf32 dc = vf32_sub(whole ? vf32_load(col + i) : vf32_load_tail(col + i, n - i), c);
    const vf32 found = vf32_mul(s, vf32_fmadd(dr, dr, vf32_mul(dc, dc)));
    if (whole)
      vf32_store(y + i, found);
    else
      vf32_store_tail(y + i, found, n - i);
  }
}

/* One panel: w += h (x - w), if `moves`; d = sum over features of (w - next)^2, if `looks`. */
FNN_INLINE void som_panel(size_t n, const float *h, const float *x, const float *next, float *w,
                          float *d, int moves, int looks) {
  vf32 rate[SOM_VECTORS], sum[SOM_VECTORS];
#pragma GCC unroll 8
  for (int q = 0; q < SOM_VECTORS; q++) {
    rate[q] = moves ? vf32_load(h + q * VF32_LANES) : vf32_zero();
    sum[q] = vf32_zero();
  }
  for (size_t j = 0; j < n; j++, w += SOM_PANEL) {
    const vf32 at = moves ? vf32_broadcast(x + j) : vf32_zero();
    const vf32 to = looks ? vf32_broadcast(next + j) : vf32_zero();
#pragma GCC unroll 8
    for (int q = 0; q < SOM_VECTORS; q++) {
      vf32 v = vf32_load(w + q * VF32_LANES);
      if (moves) {
        v = vf32_fmadd(rate[q], vf32_sub(at, v), v);
        vf32_store(w + q * VF32_LANES, v);
      }
      const vf32 gap = vf32_sub(v, to);
      sum[q] = vf32_fmadd(gap, gap, sum[q]);
    }
  }
  if (looks)
#pragma GCC unroll 8
    for (int q = 0; q < SOM_VECTORS; q++) vf32_store(d + q * VF32_LANES, sum[q]);
}

/* All panels: learn from x with the rates h (panels, SOM_PANEL), then the squared distances d
 * (panels, SOM_PANEL) to the next sample, in one pass over w.  x NULL: do not learn; next NULL: no
 * distances.  A panel whose rates are all 0 stays as it is. */
static void som_panels(size_t panels, size_t n, const float *h, const float *x, const float *next,
                       float *w, float *d) {
  for (size_t p = 0; p < panels; p++, w += n * SOM_PANEL) {
    int moves = 0;
    if (x) {
      vf32 most = vf32_zero();
#pragma GCC unroll 8
      for (int q = 0; q < SOM_VECTORS; q++)
        most = vf32_max(most, vf32_load(h + p * SOM_PANEL + q * VF32_LANES));
      moves = vmask_any(vf32_gt(most, vf32_zero()));
    }
    const float *rates = x ? h + p * SOM_PANEL : h;
    float *found = next ? d + p * SOM_PANEL : d;
    if (moves && next)
      som_panel(n, rates, x, next, w, found, 1, 1);
    else if (moves)
      som_panel(n, rates, x, next, w, found, 1, 0);
    else if (next)
      som_panel(n, rates, x, next, w, found, 0, 1);
  }
}
