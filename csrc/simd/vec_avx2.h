/* simd/vec_avx2.h - the vector vocabulary for AVX2 + FMA: eight lanes of float32.
 * See vec_scalar.h for the contracts. */
#ifndef FNN_VEC_AVX2_H
#define FNN_VEC_AVX2_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FNN_INLINE static inline __attribute__((always_inline, unused))
#define VF32_LANES 8

typedef __m256 vf32;
typedef __m256i vi32;
typedef __m256 vmask;

FNN_INLINE vf32 vf32_set1(float x) { return _mm256_set1_ps(x); }
FNN_INLINE vf32 vf32_zero(void) { return _mm256_setzero_ps(); }
FNN_INLINE vf32 vf32_load(const float *p) { return _mm256_loadu_ps(p); }
FNN_INLINE void vf32_store(float *p, vf32 v) { _mm256_storeu_ps(p, v); }
FNN_INLINE void vf32_keep(vf32 *v) { __asm__("" : "+x"(*v)); }
FNN_INLINE vf32 vf32_broadcast(const float *p) { return _mm256_broadcast_ss(p); }
FNN_INLINE vi32 vec_tail_mask(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FNN_INLINE vf32 vf32_load_tail(const float *p, size_t n) {
  return _mm256_maskload_ps(p, vec_tail_mask(n));
}
/* In pieces: a masked store is microcode on AMD (18 micro-ops on Zen 3, says Fog). */
FNN_INLINE void vf32_store_tail(float *p, vf32 v, size_t n) {
  __m128 part = _mm256_castps256_ps128(v);
  if (n & 4) {
    _mm_storeu_ps(p, part);
    p += 4;
    part = _mm256_extractf128_ps(v, 1);
  }
  if (n & 2) {
    _mm_storel_pi((__m64 *)p, part);
    p += 2;
    part = _mm_movehl_ps(part, part);
  }
  if (n & 1) _mm_store_ss(p, part);
}
FNN_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm256_add_ps(a, b); }
FNN_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm256_sub_ps(a, b); }
FNN_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm256_mul_ps(a, b); }
FNN_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm256_div_ps(a, b); }
FNN_INLINE vf32 vf32_fmadd(vf32 a, vf32 b, vf32 c) { return _mm256_fmadd_ps(a, b, c); }
FNN_INLINE vf32 vf32_fnmadd(vf32 a, vf32 b, vf32 c) { return _mm256_fnmadd_ps(a, b, c); }
FNN_INLINE vf32 vf32_sqrt(vf32 a) { return _mm256_sqrt_ps(a); }
FNN_INLINE vmask vf32_lt(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
FNN_INLINE vmask vf32_gt(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
FNN_INLINE vmask vf32_isnan(vf32 a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
FNN_INLINE vmask vf32_unordered(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
FNN_INLINE int vmask_any(vmask a) { return _mm256_movemask_ps(a) != 0; }
FNN_INLINE vmask vmask_or(vmask a, vmask b) { return _mm256_or_ps(a, b); }
FNN_INLINE int vmask_all(vmask a) { return _mm256_movemask_ps(a) == 0xFF; }
FNN_INLINE vmask vmask_andnot(vmask a, vmask b) { return _mm256_andnot_ps(b, a); }
FNN_INLINE vf32 vf32_select(vmask m, vf32 a, vf32 b) { return _mm256_blendv_ps(b, a, m); }
/* a / b from the rounded 1 / b, as division rounds it (Markstein 1990, doi:10.1147/rd.341.0111):
 * fewer cycles.  Of |a| < 2^-100 the rest is a denormal, and flushed: up to one ULP from it. */
FNN_INLINE vf32 vf32_div_by(vf32 a, vf32 b, vf32 inverse) {
  const vf32 q = vf32_mul(a, inverse), rest = vf32_fnmadd(q, b, a);
  return vf32_select(vf32_isnan(rest), q, vf32_fmadd(rest, inverse, q)); /* an infinity */
}
FNN_INLINE vi32 vi32_select(vmask m, vi32 a, vi32 b) {
  return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m));
}
FNN_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm256_max_ps(a, b); }
FNN_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm256_min_ps(a, b); }
FNN_INLINE vf32 vf32_and(vf32 a, vf32 b) { return _mm256_and_ps(a, b); }
FNN_INLINE vf32 vf32_or(vf32 a, vf32 b) { return _mm256_or_ps(a, b); }
FNN_INLINE vf32 vf32_xor(vf32 a, vf32 b) { return _mm256_xor_ps(a, b); }
FNN_INLINE vf32 vf32_round(vf32 a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FNN_INLINE vi32 vf32_to_i32(vf32 a) { return _mm256_cvtps_epi32(a); }
FNN_INLINE vf32 vi32_to_f32(vi32 a) { return _mm256_cvtepi32_ps(a); }
FNN_INLINE vi32 vf32_bits(vf32 a) { return _mm256_castps_si256(a); }
FNN_INLINE vf32 vi32_as_f32(vi32 a) { return _mm256_castsi256_ps(a); }
FNN_INLINE vi32 vi32_set1(int32_t x) { return _mm256_set1_epi32(x); }
FNN_INLINE vi32 vi32_iota(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
FNN_INLINE vi32 vi32_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
FNN_INLINE void vi32_store(int32_t *p, vi32 v) { _mm256_storeu_si256((__m256i *)p, v); }
FNN_INLINE void vi32_store_tail(int32_t *p, vi32 v, size_t n) {
  vf32_store_tail((float *)p, _mm256_castsi256_ps(v), n);
}
FNN_INLINE vi32 vi32_load_u8(const uint8_t *p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
/* In pieces that may overlap, in a register: bytes put together in memory would wait for it. */
FNN_INLINE vi32 vi32_load_u8_tail(const uint8_t *p, size_t n) {
  uint64_t all = 0;
  if (n >= 4) {
    uint32_t low, high;
    memcpy(&low, p, 4), memcpy(&high, p + n - 4, 4);
    all = low | (uint64_t)high << 8 * (n - 4);
  } else {
    all = p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
  }
  return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)all));
}
FNN_INLINE void vi32_store_u8(uint8_t *p, vi32 v) {
  const __m256i low = _mm256_set1_epi32(0x0C080400);
  __m256i four = _mm256_shuffle_epi8(v, low);
  __m128i pair =
      _mm_unpacklo_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
  _mm_storel_epi64((__m128i *)p, pair);
}
FNN_INLINE vi32 vi32_add(vi32 a, vi32 b) { return _mm256_add_epi32(a, b); }
FNN_INLINE vi32 vi32_sub(vi32 a, vi32 b) { return _mm256_sub_epi32(a, b); }
FNN_INLINE vi32 vi32_and(vi32 a, vi32 b) { return _mm256_and_si256(a, b); }
FNN_INLINE vi32 vi32_xor(vi32 a, vi32 b) { return _mm256_xor_si256(a, b); }
FNN_INLINE vmask vi32_gt(vi32 a, vi32 b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b)); }
FNN_INLINE vmask vi32_eq(vi32 a, vi32 b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
FNN_INLINE vf32 vf32_lookup8(const float *t, vi32 i) {
  return _mm256_permutevar8x32_ps(_mm256_load_ps(t), i);
}
#define vi32_shl(a, n) _mm256_slli_epi32(a, n)
#define vi32_shr(a, n) _mm256_srli_epi32(a, n)
#define vi32_sar(a, n) _mm256_srai_epi32(a, n)
FNN_INLINE void vu32_mulhilo(vi32 a, uint32_t m, vi32 *hi, vi32 *lo) {
  const __m256i mm = _mm256_set1_epi32((int)m);
  __m256i even = _mm256_mul_epu32(a, mm);
  __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), mm);
  *lo = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
  *hi = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}
FNN_INLINE void vf32_transpose(vf32 r[8]) {
  __m256 t0 = _mm256_unpacklo_ps(r[0], r[1]), t1 = _mm256_unpackhi_ps(r[0], r[1]);
  __m256 t2 = _mm256_unpacklo_ps(r[2], r[3]), t3 = _mm256_unpackhi_ps(r[2], r[3]);
  __m256 t4 = _mm256_unpacklo_ps(r[4], r[5]), t5 = _mm256_unpackhi_ps(r[4], r[5]);
  __m256 t6 = _mm256_unpacklo_ps(r[6], r[7]), t7 = _mm256_unpackhi_ps(r[6], r[7]);
  __m256 s0 = _mm256_shuffle_ps(t0, t2, 0x44), s1 = _mm256_shuffle_ps(t0, t2, 0xEE);
  __m256 s2 = _mm256_shuffle_ps(t1, t3, 0x44), s3 = _mm256_shuffle_ps(t1, t3, 0xEE);
  __m256 s4 = _mm256_shuffle_ps(t4, t6, 0x44), s5 = _mm256_shuffle_ps(t4, t6, 0xEE);
  __m256 s6 = _mm256_shuffle_ps(t5, t7, 0x44), s7 = _mm256_shuffle_ps(t5, t7, 0xEE);
  r[0] = _mm256_permute2f128_ps(s0, s4, 0x20);
  r[1] = _mm256_permute2f128_ps(s1, s5, 0x20);
  r[2] = _mm256_permute2f128_ps(s2, s6, 0x20);
  r[3] = _mm256_permute2f128_ps(s3, s7, 0x20);
  r[4] = _mm256_permute2f128_ps(s0, s4, 0x31);
  r[5] = _mm256_permute2f128_ps(s1, s5, 0x31);
  r[6] = _mm256_permute2f128_ps(s2, s6, 0x31);
  r[7] = _mm256_permute2f128_ps(s3, s7, 0x31);
}
FNN_INLINE vf32 vf32_even(vf32 a, vf32 b) {
  __m256 t = _mm256_shuffle_ps(a, b, 0x88);
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(t), 0xD8));
}
FNN_INLINE vf32 vf32_odd(vf32 a, vf32 b) {
  __m256 t = _mm256_shuffle_ps(a, b, 0xDD);
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(t), 0xD8));
}
FNN_INLINE vf32 vf32_zip_lo(vf32 a, vf32 b) {
  return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
FNN_INLINE vf32 vf32_zip_hi(vf32 a, vf32 b) {
  return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
/* Four lanes at a time: a table for eight would have 256 entries. */
FNN_INLINE size_t compress_half(__m128 v, __m128i i, float *out, int32_t *index) {
  static const int8_t order[16][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0},
                                      {2, 0, 0, 0}, {0, 2, 0, 0}, {1, 2, 0, 0}, {0, 1, 2, 0},
                                      {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0},
                                      {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};
  const int bits = _mm_movemask_ps(_mm_cmpneq_ps(v, _mm_setzero_ps()));
  int32_t four;
  memcpy(&four, order[bits], sizeof four);
  const __m128i lanes = _mm_cvtepi8_epi32(_mm_cvtsi32_si128(four));
  _mm_storeu_ps(out, _mm_permutevar_ps(v, lanes));
  _mm_storeu_ps((float *)index, _mm_permutevar_ps(_mm_castsi128_ps(i), lanes));
  return (size_t)__builtin_popcount((unsigned)bits);
}
FNN_INLINE size_t vf32_compress(vf32 v, int32_t base, float *out, int32_t *index) {
  const vi32 i = vi32_add(vi32_set1(base), vi32_iota());
  size_t n = compress_half(_mm256_castps256_ps128(v), _mm256_castsi256_si128(i), out, index);
  return n + compress_half(_mm256_extractf128_ps(v, 1), _mm256_extracti128_si256(i, 1), out + n,
                           index + n);
}

FNN_INLINE vf32 vf32_load_tail_or(const float *p, size_t n, float fill) {
  const __m256i mask = vec_tail_mask(n);
  return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask),
                          _mm256_castsi256_ps(mask));
}
FNN_INLINE vf32 vf32_high(vf32 v, int half) {
  if (half == 4) return _mm256_permute2f128_ps(v, v, 0x01);
  return half == 2 ? _mm256_permute_ps(v, 0x0E) : _mm256_permute_ps(v, 0x01);
}
FNN_INLINE float vf32_first(vf32 v) { return _mm256_cvtss_f32(v); }

#endif
