/* ukernel/norm.h - batch normalisation of one channel: `count` pieces of n elements, `stride`
 * apart.
 *
 * Sums run over two sets of sixteen virtual lanes, so that two chains of adds are in flight: within
 * a piece the first, third ... sixteen elements belong to one set, the others to the other.  At the
 * end the sets are added, then the lanes as in reduce.h.  A missing element counts as zero. */

/* The first lines of the next piece, which is often in another page, where hardware prefetchers do
 * not follow. */
FNN_INLINE void prefetch_piece(size_t left, size_t n, const float *next) {
  if (left > 1) {
    const size_t end = n < 128 ? n : 128;
    for (size_t i = 0; i < end; i += 16) __builtin_prefetch(next + i);
  }
}

/* Both sums of a channel on the way, each in two sets of lanes. */
typedef struct {
  vl16 sum[2], product[2];
} norm_sums;

FNN_INLINE norm_sums no_sums(void) {
  const vl16 zero = vl16_set1(0.0f);
  return (norm_sums){{zero, zero}, {zero, zero}};
}
FNN_INLINE float two_sets_sum(vl16 a, vl16 b) {
  VL16_EACH(a.v[q] = vf32_add(a.v[q], b.v[q]));
  return vl16_sum(a);
}
FNN_INLINE void norm_totals(const norm_sums *t, float *sum, float *product) {
  *sum = two_sets_sum(t->sum[0], t->sum[1]);
  *product = two_sets_sum(t->product[0], t->product[1]);
}

FNN_INLINE void moments_step(vl16 a, vf32 center, int set, norm_sums *t) {
  VL16_EACH(const vf32 d = vf32_sub(a.v[q], center);
            t->sum[set].v[q] = vf32_add(t->sum[set].v[q], d);
            t->product[set].v[q] = vf32_fmadd(d, d, t->product[set].v[q]));
}
/* One piece of n elements. */
FNN_INLINE void moments_piece(size_t n, float center, const float *x, norm_sums *t) {
  const vf32 c = vf32_set1(center);
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    moments_step(vl16_load(x + i), c, 0, t);
    moments_step(vl16_load(x + i + 16), c, 1, t);
  }
  if (n - i >= 16) {
    moments_step(vl16_load(x + i), c, 0, t);
    if (n - i > 16) moments_step(vl16_load_tail(x + i + 16, n - i - 16, center), c, 1, t);
  } else if (i < n) {
    moments_step(vl16_load_tail(x + i, n - i, center), c, 0, t);
  }
}

/* sums[0] = sum (x - center), sums[1] = sum (x - center)^2; any count and n. */
static void norm_moments(size_t count, size_t n, ptrdiff_t stride, float center, const float *x,
                         float *sums) {
  norm_sums t = no_sums();
  for (; count; count--, x += stride) {
    prefetch_piece(count, n, x + stride);
    moments_piece(n, center, x, &t);
  }
  norm_totals(&t, &sums[0], &sums[1]);
}

FNN_INLINE vf32 normalised(vf32 x, vf32 mean, vf32 scale, vf32 shift) {
  return vf32_fmadd(vf32_sub(x, mean), scale, shift);
}

FNN_INLINE void norm_apply_body(int relu, size_t count, size_t n, ptrdiff_t stride,
                                const fnn_norm *p, const float *x, float *y) {
  const vf32 mean = vf32_set1(p->mean), scale = vf32_set1(p->scale), shift = vf32_set1(p->shift);
  for (; count; count--, x += stride, y += stride) {
    size_t i = 0;
    prefetch_piece(count, n, x + stride);
    for (; i + VF32_LANES <= n; i += VF32_LANES) {
      const vf32 z = normalised(vf32_load(x + i), mean, scale, shift);
      vf32_store(y + i, relu ? relu_vf32(z) : z);
    }
    if (i < n) {
      const vf32 z = normalised(vf32_load_tail(x + i, n - i), mean, scale, shift);
      vf32_store_tail(y + i, relu ? relu_vf32(z) : z, n - i);
    }
  }
}

/* z = (x - mean) scale + shift, the product and sum as one FMA; y = max(z, 0) with relu, else z.
 * Any count and n; y may be x. */
static void norm_apply(size_t count, size_t n, ptrdiff_t stride, const fnn_norm *p, const float *x,
                       float *y) {
  if (p->relu)
    norm_apply_body(1, count, n, stride, p, x, y);
  else
    norm_apply_body(0, count, n, stride, p, x, y);
}

typedef struct {
  vf32 mean, scale, shift;
} norm_consts;

/* dy where z > 0, else 0. */
FNN_INLINE vf32 through_relu(int relu, vf32 dy, vf32 x, const norm_consts *k) {
  if (!relu) return dy;
  return relu_grad_vf32(dy, normalised(x, k->mean, k->scale, k->shift));
}

FNN_INLINE void grad_sums_step(int relu, vl16 dy, vl16 x, const norm_consts *k, int set,
                               norm_sums *t) {
  VL16_EACH(const vf32 dz = through_relu(relu, dy.v[q], x.v[q], k);
            t->sum[set].v[q] = vf32_add(t->sum[set].v[q], dz);
            t->product[set].v[q] = vf32_fmadd(dz, vf32_sub(x.v[q], k->mean), t->product[set].v[q]));
}
FNN_INLINE void grad_sums_tail(int relu, size_t n, const float *dy, const float *x,
                               const norm_consts *k, int set, norm_sums *t) {
  grad_sums_step(relu, vl16_load_tail(dy, n, 0.0f), vl16_load_tail(x, n, vf32_first(k->mean)), k,
                 set, t);
}
/* One piece of n elements. */
FNN_INLINE void grad_sums_piece(int relu, size_t n, const norm_consts *k, const float *dy,
                                const float *x, norm_sums *t) {
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    grad_sums_step(relu, vl16_load(dy + i), vl16_load(x + i), k, 0, t);
    grad_sums_step(relu, vl16_load(dy + i + 16), vl16_load(x + i + 16), k, 1, t);
  }
  if (n - i >= 16) {
    grad_sums_step(relu, vl16_load(dy + i), vl16_load(x + i), k, 0, t);
    i += 16;
    if (i < n) grad_sums_tail(relu, n - i, dy + i, x + i, k, 1, t);
  } else if (i < n) {
    grad_sums_tail(relu, n - i, dy + i, x + i, k, 0, t);
  }
}

FNN_INLINE void norm_grad_sums_body(int relu, size_t count, size_t n, ptrdiff_t stride,
                                    const fnn_norm *p, const float *dy, const float *x,
                                    float *sums) {
  const norm_consts k = {vf32_set1(p->mean), vf32_set1(p->scale), vf32_set1(p->shift)};
  norm_sums t = no_sums();
  for (; count; count--, x += stride, dy += stride) {
    prefetch_piece(count, n, x + stride);
    prefetch_piece(count, n, dy + stride);
    grad_sums_piece(relu, n, &k, dy, x, &t);
  }
  norm_totals(&t, &sums[0], &sums[1]);
}

/* With dz = dy, or with relu dz = dy where z > 0, else 0 (z as in norm_apply):
 * sums[0] = sum dz, sums[1] = sum dz (x - mean); any count and n. */
static void norm_grad_sums(size_t count, size_t n, ptrdiff_t stride, const fnn_norm *p,
                           const float *dy, const float *x, float *sums) {
  if (p->relu)
    norm_grad_sums_body(1, count, n, stride, p, dy, x, sums);
  else
    norm_grad_sums_body(0, count, n, stride, p, dy, x, sums);
}

FNN_INLINE vf32 norm_grad(int relu, int centred, vf32 dy, vf32 x, const norm_consts *k, vf32 slope,
                          vf32 offset) {
  const vf32 dz = through_relu(relu, dy, x, k);
  if (!centred) return vf32_mul(k->scale, dz);
  return vf32_fmadd(k->scale, dz, vf32_fmadd(slope, vf32_sub(x, k->mean), offset));
}

FNN_INLINE void norm_grad_apply_body(int relu, int centred, size_t count, size_t n,
                                     ptrdiff_t stride, const fnn_norm *p, const float *dy,
                                     const float *x, float *dx) {
  const norm_consts k = {vf32_set1(p->mean), vf32_set1(p->scale), vf32_set1(p->shift)};
  const vf32 slope = vf32_set1(p->slope), offset = vf32_set1(p->offset);
  for (; count; count--, x += stride, dy += stride, dx += stride) {
    size_t i = 0;
    for (; i + VF32_LANES <= n; i += VF32_LANES)
      vf32_store(dx + i,
                 norm_grad(relu, centred, vf32_load(dy + i), vf32_load(x + i), &k, slope, offset));
    if (i < n)
      vf32_store_tail(dx + i,
                      norm_grad(relu, centred, vf32_load_tail(dy + i, n - i),
                                vf32_load_tail(x + i, n - i), &k, slope, offset),
                      n - i);
  }
}

/* dx = scale dz + (slope (x - mean) + offset), or with centred == 0 dx = scale dz, dz as above.
 * Any count and n; dx may be dy or x. */
static void norm_grad_apply(size_t count, size_t n, ptrdiff_t stride, const fnn_norm *p,
                            const float *dy, const float *x, float *dx) {
  if (p->relu && p->centred)
    norm_grad_apply_body(1, 1, count, n, stride, p, dy, x, dx);
  else if (p->relu)
    norm_grad_apply_body(1, 0, count, n, stride, p, dy, x, dx);
  else if (p->centred)
    norm_grad_apply_body(0, 1, count, n, stride, p, dy, x, dx);
  else
    norm_grad_apply_body(0, 0, count, n, stride, p, dy, x, dx);
}
