/* ukernel/philox.h - counter-based random numbers: Philox4x32-10, Salmon et al. 2011
 * (doi:10.1145/2063384.2063405).
 *
 * Sixteen counters make 64 elements: element 64 g + 16 w + lane is word w of the block with
 * counter `counter + 16 g + lane`, whatever the vector width.  counter is a multiple of 16 (so
 * the low word never carries within a group). */

#define PHILOX_GROUP 64

/* word[w][q]: word w of lanes [q * lanes, (q + 1) * lanes). */
FNN_INLINE void philox_group(uint64_t key, uint64_t counter, vi32 word[4][VL16]) {
  assert(counter % 16 == 0);
#pragma GCC unroll 4
  for (int q = 0; q < VL16; q++) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    vi32 c0 =
        vi32_add(vi32_set1((int32_t)((uint32_t)counter + (uint32_t)(q * VF32_LANES))), vi32_iota());
    vi32 c1 = vi32_set1((int32_t)(uint32_t)(counter >> 32));
    vi32 c2 = vi32_set1(0), c3 = vi32_set1(0), hi0, lo0, hi1, lo1;
    for (int round = 0; round < 10; round++) {
      vu32_mulhilo(c0, 0xD2511F53u, &hi0, &lo0);
      vu32_mulhilo(c2, 0xCD9E8D57u, &hi1, &lo1);
      c0 = vi32_xor(vi32_xor(hi1, c1), vi32_set1((int32_t)k0));
      c2 = vi32_xor(vi32_xor(hi0, c3), vi32_set1((int32_t)k1));
      c1 = lo1, c3 = lo0;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    word[0][q] = c0, word[1][q] = c1, word[2][q] = c2, word[3][q] = c3;
  }
}

/* The 24 high bits as an integral float32 in [0, 2^24). */
FNN_INLINE vf32 philox_u24(vi32 bits) { return vi32_to_f32(vi32_shr(bits, 8)); }

static void philox_bits(size_t n, uint64_t key, uint64_t counter, uint32_t *out) {
  for (size_t i = 0; i < n; i += PHILOX_GROUP, counter += 16) {
    vi32 word[4][VL16];
    int32_t buf[PHILOX_GROUP];
    philox_group(key, counter, word);
    for (int w = 0; w < 4; w++) VL16_EACH(vi32_store(buf + 16 * w + q * VF32_LANES, word[w][q]));
    memcpy(out + i, buf, sizeof *out * (n - i < PHILOX_GROUP ? n - i : PHILOX_GROUP));
  }
}

/* out = min(low + u * span, top), u = bits / 2^24 in [0, 1). */
static void philox_uniform(size_t n, uint64_t key, uint64_t counter, float low, float span,
                           float top, float *out) {
  const vf32 unit = vf32_set1(0x1p-24f), vlow = vf32_set1(low), vspan = vf32_set1(span);
  for (size_t i = 0; i < n; i += PHILOX_GROUP, counter += 16) {
    vi32 word[4][VL16];
    float buf[PHILOX_GROUP];
    philox_group(key, counter, word);
    for (int w = 0; w < 4; w++)
      VL16_EACH(vf32 u = vf32_mul(philox_u24(word[w][q]), unit);
                vf32_store(buf + 16 * w + q * VF32_LANES,
                           vf32_min(vf32_set1(top), vf32_fmadd(u, vspan, vlow))));
    memcpy(out + i, buf, sizeof *out * (n - i < PHILOX_GROUP ? n - i : PHILOX_GROUP));
  }
}

/* sin and cos of (pi/2) t, |t| <= 1/2: fits of relative error 2^-28 and 2^-34. */
FNN_INLINE vf32 sin_quarter(vf32 t) {
  vf32 s = vf32_mul(t, t), p = vf32_set1(-0.00460165786f);
  p = vf32_fmadd(p, s, vf32_set1(0.079680033f));
  p = vf32_fmadd(p, s, vf32_set1(-0.64596349f));
  p = vf32_fmadd(p, s, vf32_set1(1.57079637f));
  return vf32_mul(p, t);
}
FNN_INLINE vf32 cos_quarter(vf32 t) {
  vf32 s = vf32_mul(t, t), p = vf32_set1(0.000903631677f);
  p = vf32_fmadd(p, s, vf32_set1(-0.0208600722f));
  p = vf32_fmadd(p, s, vf32_set1(0.253669202f));
  p = vf32_fmadd(p, s, vf32_set1(-1.23370051f));
  return vf32_fmadd(p, s, vf32_set1(1.0f));
}

/* Box & Muller 1958: r cos(2 pi u2), r sin(2 pi u2), r = sqrt(-2 ln u1), u1 in (0, 1]. */
FNN_INLINE void box_muller(vi32 a, vi32 b, vf32 *z0, vf32 *z1) {
  const vf32 unit = vf32_set1(0x1p-24f), sign = vf32_set1(-0.0f);
  vf32 u1 = vf32_mul(vf32_add(philox_u24(a), vf32_set1(1.0f)), unit);
  vf32 r = vf32_sqrt(vf32_mul(vf32_set1(-2.0f), log_vf32(u1)));
  vf32 turn = vf32_mul(philox_u24(b), vf32_set1(0x1p-22f)); /* quarter turns, [0, 4) */
  vf32 quarter = vf32_round(turn);
  vf32 t = vf32_sub(turn, quarter); /* exact */
  vi32 k = vf32_to_i32(quarter);
  vf32 s = sin_quarter(t), c = cos_quarter(t);
  vmask swap = vi32_eq(vi32_and(k, vi32_set1(1)), vi32_set1(1));
  vf32 co = vf32_select(swap, s, c), si = vf32_select(swap, c, s);
  /* cos is negative in quarters 1, 2; sin in 2, 3 */
  vmask cos_neg = vi32_eq(vi32_and(vi32_add(k, vi32_set1(1)), vi32_set1(2)), vi32_set1(2));
  vmask sin_neg = vi32_eq(vi32_and(k, vi32_set1(2)), vi32_set1(2));
  *z0 = vf32_mul(r, vf32_select(cos_neg, vf32_xor(co, sign), co));
  *z1 = vf32_mul(r, vf32_select(sin_neg, vf32_xor(si, sign), si));
}

static void philox_normal(size_t n, uint64_t key, uint64_t counter, float mean, float std,
                          float *out) {
  const vf32 vmean = vf32_set1(mean), vstd = vf32_set1(std);
  for (size_t i = 0; i < n; i += PHILOX_GROUP, counter += 16) {
    vi32 word[4][VL16];
    float buf[PHILOX_GROUP];
    philox_group(key, counter, word);
    for (int w = 0; w < 4; w += 2)
      VL16_EACH(vf32 z0; vf32 z1; box_muller(word[w][q], word[w + 1][q], &z0, &z1);
                vf32_store(buf + 16 * w + q * VF32_LANES, vf32_fmadd(z0, vstd, vmean));
                vf32_store(buf + 16 * w + 16 + q * VF32_LANES, vf32_fmadd(z1, vstd, vmean)));
    memcpy(out + i, buf, sizeof *out * (n - i < PHILOX_GROUP ? n - i : PHILOX_GROUP));
  }
}

/* y = bits / 2^8 >= threshold ? x * scale : 0; y may be x. */
static void philox_dropout(size_t n, uint64_t key, uint64_t counter, uint32_t threshold,
                           float scale, const float *x, float *y) {
  const vf32 vscale = vf32_set1(scale);
  const vi32 last_dropped = vi32_set1((int32_t)threshold - 1);
  for (size_t i = 0; i < n; i += PHILOX_GROUP, counter += 16) {
    vi32 word[4][VL16];
    float buf[PHILOX_GROUP];
    const size_t count = n - i < PHILOX_GROUP ? n - i : PHILOX_GROUP;
    const float *src = x + i;
    if (count < PHILOX_GROUP) {
      memset(buf, 0, sizeof buf);
      memcpy(buf, src, sizeof *buf * count);
      src = buf;
    }
    philox_group(key, counter, word);
    for (int w = 0; w < 4; w++)
      VL16_EACH(vf32 v = vf32_mul(vf32_load(src + 16 * w + q * VF32_LANES), vscale);
                vmask keep = vi32_gt(vi32_shr(word[w][q], 8), last_dropped);
                vf32_store((count < PHILOX_GROUP ? buf : y + i) + 16 * w + q * VF32_LANES,
                           vf32_select(keep, v, vf32_zero())));
    if (count < PHILOX_GROUP) memcpy(y + i, buf, sizeof *buf * count);
  }
}
