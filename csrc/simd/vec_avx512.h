/* simd/vec_avx512.h - the vector vocabulary for AVX-512 (F, BW, DQ, VL): sixteen lanes of float32.
 * See vec_scalar.h for the contracts.  FNN_SIMDE builds it from an emulation of the instructions,
 * so that this level's bits can be tested on a machine without AVX-512. */
#ifndef FNN_VEC_AVX512_H
#define FNN_VEC_AVX512_H

#ifdef FNN_SIMDE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#else
#include <immintrin.h>
#endif
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FNN_INLINE static inline __attribute__((always_inline, unused))
#define VF32_LANES 16

typedef __m512 vf32;
typedef __m512i vi32;
typedef __mmask16 vmask;

FNN_INLINE vf32 vf32_set1(float x) { return _mm512_set1_ps(x); }
FNN_INLINE vf32 vf32_zero(void) { return _mm512_setzero_ps(); }
FNN_INLINE vf32 vf32_load(const float *p) { return _mm512_loadu_ps(p); }
FNN_INLINE void vf32_store(float *p, vf32 v) { _mm512_storeu_ps(p, v); }
FNN_INLINE void vf32_keep(vf32 *v) { __asm__("" : "+v"(*v)); }
FNN_INLINE vf32 vf32_broadcast(const float *p) { return _mm512_set1_ps(*p); }
FNN_INLINE vmask vec_tail_mask(size_t n) { return (vmask)((1u << n) - 1u); }
#ifdef FNN_SIMDE /* the emulation lacks the masked moves */
FNN_INLINE vf32 vf32_load_tail(const float *p, size_t n) {
  float lanes[16] = {0};
  memcpy(lanes, p, n * sizeof *p);
  return vf32_load(lanes);
}
FNN_INLINE void vf32_store_tail(float *p, vf32 v, size_t n) {
  float lanes[16];
  vf32_store(lanes, v);
  memcpy(p, lanes, n * sizeof *p);
}
#else
FNN_INLINE vf32 vf32_load_tail(const float *p, size_t n) {
  return _mm512_maskz_loadu_ps(vec_tail_mask(n), p);
}
FNN_INLINE void vf32_store_tail(float *p, vf32 v, size_t n) {
  _mm512_mask_storeu_ps(p, vec_tail_mask(n), v);
}
#endif
FNN_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm512_add_ps(a, b); }
FNN_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm512_sub_ps(a, b); }
FNN_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm512_mul_ps(a, b); }
FNN_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm512_div_ps(a, b); }
FNN_INLINE vf32 vf32_fmadd(vf32 a, vf32 b, vf32 c) { return _mm512_fmadd_ps(a, b, c); }
FNN_INLINE vf32 vf32_fnmadd(vf32 a, vf32 b, vf32 c) { return _mm512_fnmadd_ps(a, b, c); }
FNN_INLINE vf32 vf32_sqrt(vf32 a) { return _mm512_sqrt_ps(a); }
FNN_INLINE vmask vf32_lt(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
FNN_INLINE vmask vf32_gt(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
FNN_INLINE vmask vf32_isnan(vf32 a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
FNN_INLINE vmask vf32_unordered(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
FNN_INLINE int vmask_any(vmask a) { return a != 0; }
FNN_INLINE vmask vmask_or(vmask a, vmask b) { return (vmask)(a | b); }
FNN_INLINE int vmask_all(vmask a) { return a == 0xFFFF; }
FNN_INLINE vmask vmask_andnot(vmask a, vmask b) { return (vmask)(a & ~b); }
FNN_INLINE vf32 vf32_select(vmask m, vf32 a, vf32 b) { return _mm512_mask_blend_ps(m, b, a); }
/* a / b from the rounded 1 / b, as division rounds it (Markstein 1990, doi:10.1147/rd.341.0111):
 * fewer cycles.  Of |a| < 2^-100 the rest is a denormal, and flushed: up to one ULP from it. */
FNN_INLINE vf32 vf32_div_by(vf32 a, vf32 b, vf32 inverse) {
  const vf32 q = vf32_mul(a, inverse), rest = vf32_fnmadd(q, b, a);
  return vf32_select(vf32_isnan(rest), q, vf32_fmadd(rest, inverse, q)); /* an infinity */
}
FNN_INLINE vi32 vi32_select(vmask m, vi32 a, vi32 b) { return _mm512_mask_blend_epi32(m, b, a); }
FNN_INLINE vf32 vf32_max(vf32 a, vf32 b) {
#ifdef FNN_SIMDE /* the emulation returns the first operand when one is NaN */
  return vf32_select(vf32_gt(a, b), a, b);
#else
  return _mm512_max_ps(a, b);
#endif
}
FNN_INLINE vf32 vf32_min(vf32 a, vf32 b) {
#ifdef FNN_SIMDE
  return vf32_select(vf32_lt(a, b), a, b);
#else
  return _mm512_min_ps(a, b);
#endif
}
FNN_INLINE vi32 vf32_bits(vf32 a) { return _mm512_castps_si512(a); }
FNN_INLINE vf32 vi32_as_f32(vi32 a) { return _mm512_castsi512_ps(a); }
FNN_INLINE vi32 vi32_and(vi32 a, vi32 b) { return _mm512_and_si512(a, b); }
FNN_INLINE vi32 vi32_xor(vi32 a, vi32 b) { return _mm512_xor_si512(a, b); }
FNN_INLINE vf32 vf32_and(vf32 a, vf32 b) {
  return vi32_as_f32(vi32_and(vf32_bits(a), vf32_bits(b)));
}
FNN_INLINE vf32 vf32_or(vf32 a, vf32 b) {
  return vi32_as_f32(_mm512_or_si512(vf32_bits(a), vf32_bits(b)));
}
FNN_INLINE vf32 vf32_xor(vf32 a, vf32 b) {
  return vi32_as_f32(vi32_xor(vf32_bits(a), vf32_bits(b)));
}
FNN_INLINE vf32 vf32_round(vf32 a) { /* |a| < 2^22, as the contract says */
  const __m512 magic = _mm512_set1_ps(12582912.0f);
  return _mm512_sub_ps(_mm512_add_ps(a, magic), magic);
}
#ifdef FNN_SIMDE
FNN_INLINE vi32 vf32_to_i32(vf32 a) {
  float x[16];
  int32_t k[16];
  vf32_store(x, a);
  for (int i = 0; i < 16; i++) k[i] = x[i] == x[i] ? (int32_t)x[i] : INT32_MIN;
  return _mm512_loadu_si512(k);
}
FNN_INLINE vf32 vi32_to_f32(vi32 a) {
  int32_t k[16];
  float x[16];
  _mm512_storeu_si512(k, a);
  for (int i = 0; i < 16; i++) x[i] = (float)k[i];
  return vf32_load(x);
}
#else
FNN_INLINE vf32 vi32_to_f32(vi32 a) { return _mm512_cvtepi32_ps(a); }
FNN_INLINE vi32 vf32_to_i32(vf32 a) { return _mm512_cvtps_epi32(a); }
#endif
FNN_INLINE vi32 vi32_set1(int32_t x) { return _mm512_set1_epi32(x); }
FNN_INLINE vi32 vi32_iota(void) {
  return _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}
FNN_INLINE vi32 vi32_load(const int32_t *p) { return _mm512_loadu_si512(p); }
FNN_INLINE void vi32_store(int32_t *p, vi32 v) { _mm512_storeu_si512(p, v); }
FNN_INLINE void vi32_store_tail(int32_t *p, vi32 v, size_t n) {
  vf32_store_tail((float *)p, _mm512_castsi512_ps(v), n);
}
#ifdef FNN_SIMDE
FNN_INLINE vi32 vi32_load_u8(const uint8_t *p) {
  int32_t k[16];
  for (int i = 0; i < 16; i++) k[i] = p[i];
  return _mm512_loadu_si512(k);
}
FNN_INLINE vi32 vi32_load_u8_tail(const uint8_t *p, size_t n) {
  int32_t k[16] = {0};
  for (size_t i = 0; i < n; i++) k[i] = p[i];
  return _mm512_loadu_si512(k);
}
FNN_INLINE void vi32_store_u8(uint8_t *p, vi32 v) {
  int32_t k[16];
  _mm512_storeu_si512(k, v);
  for (int i = 0; i < 16; i++) p[i] = (uint8_t)k[i];
}
#else
FNN_INLINE vi32 vi32_load_u8(const uint8_t *p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
FNN_INLINE vi32 vi32_load_u8_tail(const uint8_t *p, size_t n) {
  return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(vec_tail_mask(n), p));
}
FNN_INLINE void vi32_store_u8(uint8_t *p, vi32 v) {
  _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v));
}
#endif
FNN_INLINE vi32 vi32_add(vi32 a, vi32 b) { return _mm512_add_epi32(a, b); }
FNN_INLINE vi32 vi32_sub(vi32 a, vi32 b) { return _mm512_sub_epi32(a, b); }
FNN_INLINE vmask vi32_gt(vi32 a, vi32 b) { return _mm512_cmpgt_epi32_mask(a, b); }
FNN_INLINE vmask vi32_eq(vi32 a, vi32 b) { return _mm512_cmpeq_epi32_mask(a, b); }
FNN_INLINE vf32 vf32_lookup8(const float *t, vi32 i) {
  return _mm512_permutexvar_ps(i, _mm512_broadcast_f32x8(_mm256_load_ps(t)));
}
#define vi32_shl(a, n) _mm512_slli_epi32(a, n)
#define vi32_shr(a, n) _mm512_srli_epi32(a, n)
#ifdef FNN_SIMDE
FNN_INLINE vi32 vi32_sar(vi32 a, int n) {
  int32_t k[16];
  _mm512_storeu_si512(k, a);
  for (int i = 0; i < 16; i++) k[i] >>= n;
  return _mm512_loadu_si512(k);
}
#else
#define vi32_sar(a, n) _mm512_srai_epi32(a, n)
#endif
#ifndef FNN_SIMDE
#define VF32_SCALE(a, n) _mm512_scalef_ps(a, n) /* else vmath.h's */
#endif
FNN_INLINE void vu32_mulhilo(vi32 a, uint32_t m, vi32 *hi, vi32 *lo) {
  const __m512i mm = _mm512_set1_epi32((int)m);
  __m512i even = _mm512_mul_epu32(a, mm);
  __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), mm);
  *lo = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
  *hi = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
}
#ifdef FNN_SIMDE
FNN_INLINE void vf32_transpose(vf32 r[16]) {
  float in[16][16], out[16][16];
  for (int i = 0; i < 16; i++) vf32_store(in[i], r[i]);
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) out[j][i] = in[i][j];
  for (int i = 0; i < 16; i++) r[i] = vf32_load(out[i]);
}
#else
/* 4x4 blocks inside 128-bit quarters first, then the quarters themselves. */
FNN_INLINE void vf32_transpose(vf32 r[16]) {
  __m512 t[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    __m512 a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
    __m512 c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm512_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
    t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm512_shuffle_ps(b, d, 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    __m512 lo01 = _mm512_shuffle_f32x4(t[j], t[4 + j], 0x88);
    __m512 hi01 = _mm512_shuffle_f32x4(t[j], t[4 + j], 0xDD);
    __m512 lo23 = _mm512_shuffle_f32x4(t[8 + j], t[12 + j], 0x88);
    __m512 hi23 = _mm512_shuffle_f32x4(t[8 + j], t[12 + j], 0xDD);
    r[j] = _mm512_shuffle_f32x4(lo01, lo23, 0x88);
    r[8 + j] = _mm512_shuffle_f32x4(lo01, lo23, 0xDD);
    r[4 + j] = _mm512_shuffle_f32x4(hi01, hi23, 0x88);
    r[12 + j] = _mm512_shuffle_f32x4(hi01, hi23, 0xDD);
  }
}
#endif
FNN_INLINE vf32 vec_permute2(vf32 a, vf32 b, int first, int step, int jump) {
  int32_t index[16]; /* folded to a constant by the compiler */
  for (int i = 0; i < 16; i++) index[i] = first + (i / 2) * step + (i % 2) * jump;
  return _mm512_permutex2var_ps(a, vi32_load(index), b);
}
FNN_INLINE vf32 vf32_even(vf32 a, vf32 b) { return vec_permute2(a, b, 0, 4, 2); }
FNN_INLINE vf32 vf32_odd(vf32 a, vf32 b) { return vec_permute2(a, b, 1, 4, 2); }
FNN_INLINE vf32 vf32_zip_lo(vf32 a, vf32 b) { return vec_permute2(a, b, 0, 1, 16); }
FNN_INLINE vf32 vf32_zip_hi(vf32 a, vf32 b) { return vec_permute2(a, b, 8, 1, 16); }

#ifdef FNN_SIMDE
FNN_INLINE size_t vf32_compress(vf32 v, int32_t base, float *out, int32_t *index) {
  float lanes[VF32_LANES];
  size_t n = 0;
  vf32_store(lanes, v);
  for (int lane = 0; lane < VF32_LANES; lane++) {
    out[n] = lanes[lane];
    index[n] = base + lane;
    n += lanes[lane] != 0.0f;
  }
  return n;
}
#else
FNN_INLINE size_t vf32_compress(vf32 v, int32_t base, float *out, int32_t *index) {
  const __mmask16 m = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
  vf32_store(out, _mm512_maskz_compress_ps(m, v));
  vi32_store(index, _mm512_maskz_compress_epi32(m, vi32_add(vi32_set1(base), vi32_iota())));
  return (size_t)__builtin_popcount(m);
}
#endif

FNN_INLINE vf32 vf32_load_tail_or(const float *p, size_t n, float fill) {
  return vf32_select(vec_tail_mask(n), vf32_load_tail(p, n), vf32_set1(fill));
}
#ifdef FNN_SIMDE
FNN_INLINE vf32 vf32_high(vf32 v, int half) {
  float lanes[VF32_LANES];
  vf32_store(lanes, v);
  memcpy(lanes, lanes + half, (size_t)half * sizeof *lanes);
  return vf32_load(lanes);
}
FNN_INLINE float vf32_first(vf32 v) {
  float lanes[VF32_LANES];
  vf32_store(lanes, v);
  return lanes[0];
}
#else
FNN_INLINE vf32 vf32_high(vf32 v, int half) {
  if (half == 8) return _mm512_shuffle_f32x4(v, v, 0x0E);
  if (half == 4) return _mm512_shuffle_f32x4(v, v, 0x01);
  return half == 2 ? _mm512_permute_ps(v, 0x0E) : _mm512_permute_ps(v, 0x01);
}
FNN_INLINE float vf32_first(vf32 v) { return _mm512_cvtss_f32(v); }
#endif

#endif
