/* simd/vec_scalar.h - the vector vocabulary for any C compiler with GCC vector extensions.
 *
 * Four lanes of float32; fmadd rounds twice (the baseline has no FMA), so this level's bits
 * differ from those of the FMA levels.  Every name here exists in each vec_*.h, and only these
 * files know a machine's instructions.  max/min return the SECOND operand when either is NaN. */
#ifndef FNN_VEC_SCALAR_H
#define FNN_VEC_SCALAR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FNN_INLINE static inline __attribute__((always_inline, unused))
#define VF32_LANES 4

typedef float vf32 __attribute__((vector_size(16)));
typedef int32_t vi32 __attribute__((vector_size(16)));
typedef uint32_t vu32_ __attribute__((vector_size(16)));
typedef vi32 vmask;

FNN_INLINE vf32 vf32_set1(float x) { return (vf32){x, x, x, x}; }
FNN_INLINE vf32 vf32_zero(void) { return vf32_set1(0.0f); }
FNN_INLINE vf32 vf32_load(const float *p) {
  vf32 v;
  memcpy(&v, p, sizeof v);
  return v;
}
FNN_INLINE void vf32_store(float *p, vf32 v) { memcpy(p, &v, sizeof v); }
/* v in a register: else the compiler may read memory again at each use. */
FNN_INLINE void vf32_keep(vf32 *v) { (void)v; }
FNN_INLINE vf32 vf32_broadcast(const float *p) { return vf32_set1(*p); }
/* n in [1, lanes): lanes at and beyond n read as zero and are not touched. */
FNN_INLINE vf32 vf32_load_tail(const float *p, size_t n) {
  vf32 v = vf32_zero();
  for (size_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
FNN_INLINE void vf32_store_tail(float *p, vf32 v, size_t n) {
  for (size_t i = 0; i < n; i++) p[i] = v[i];
}
FNN_INLINE vf32 vf32_add(vf32 a, vf32 b) { return a + b; }
FNN_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return a - b; }
FNN_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return a * b; }
FNN_INLINE vf32 vf32_div(vf32 a, vf32 b) { return a / b; }
FNN_INLINE vf32 vf32_fmadd(vf32 a, vf32 b, vf32 c) { return a * b + c; }
FNN_INLINE vf32 vf32_fnmadd(vf32 a, vf32 b, vf32 c) { return c - a * b; }
FNN_INLINE vf32 vf32_sqrt(vf32 a) {
  vf32 r;
  for (int i = 0; i < 4; i++) r[i] = sqrtf(a[i]);
  return r;
}
FNN_INLINE vmask vf32_lt(vf32 a, vf32 b) { return a < b; }
FNN_INLINE vmask vf32_gt(vf32 a, vf32 b) { return a > b; }
FNN_INLINE vmask vf32_isnan(vf32 a) { return a != a; }
FNN_INLINE vmask vf32_unordered(vf32 a, vf32 b) { return (a != a) | (b != b); } /* a NaN in one */
FNN_INLINE int vmask_any(vmask a) { return (a[0] | a[1] | a[2] | a[3]) != 0; }
FNN_INLINE vmask vmask_or(vmask a, vmask b) { return a | b; }
FNN_INLINE int vmask_all(vmask a) { return (a[0] & a[1] & a[2] & a[3]) != 0; }
FNN_INLINE vmask vmask_andnot(vmask a, vmask b) { return a & ~b; } /* a and not b */
FNN_INLINE vf32 vf32_select(vmask m, vf32 a, vf32 b) {             /* m ? a : b */
  return (vf32)((m & (vi32)a) | (~m & (vi32)b));
}
/* a / b; other levels may compute it from inverse = 1 / b */
FNN_INLINE vf32 vf32_div_by(vf32 a, vf32 b, vf32 inverse) {
  (void)inverse;
  return a / b;
}
FNN_INLINE vi32 vi32_select(vmask m, vi32 a, vi32 b) { return (m & a) | (~m & b); }
FNN_INLINE vf32 vf32_max(vf32 a, vf32 b) { return vf32_select(a > b, a, b); }
FNN_INLINE vf32 vf32_min(vf32 a, vf32 b) { return vf32_select(a < b, a, b); }
FNN_INLINE vf32 vf32_and(vf32 a, vf32 b) { return (vf32)((vi32)a & (vi32)b); }
FNN_INLINE vf32 vf32_or(vf32 a, vf32 b) { return (vf32)((vi32)a | (vi32)b); }
FNN_INLINE vf32 vf32_xor(vf32 a, vf32 b) { return (vf32)((vi32)a ^ (vi32)b); }
/* Nearest integer, ties to even, |x| < 2^22; the result is integral. */
FNN_INLINE vf32 vf32_round(vf32 a) {
  const vf32 magic = vf32_set1(12582912.0f); /* 1.5 * 2^23 */
  return (a + magic) - magic;
}
FNN_INLINE vi32 vf32_to_i32(vf32 a) { /* a is integral and in range, or NaN (any result) */
  vi32 r;
  for (int i = 0; i < 4; i++) r[i] = a[i] == a[i] ? (int32_t)a[i] : 0;
  return r;
}
FNN_INLINE vf32 vi32_to_f32(vi32 a) {
  return (vf32){(float)a[0], (float)a[1], (float)a[2], (float)a[3]};
}
FNN_INLINE vi32 vf32_bits(vf32 a) { return (vi32)a; }
FNN_INLINE vf32 vi32_as_f32(vi32 a) { return (vf32)a; }
FNN_INLINE vi32 vi32_set1(int32_t x) { return (vi32){x, x, x, x}; }
FNN_INLINE vi32 vi32_iota(void) { return (vi32){0, 1, 2, 3}; }
FNN_INLINE vi32 vi32_load(const int32_t *p) {
  vi32 v;
  memcpy(&v, p, sizeof v);
  return v;
}
FNN_INLINE void vi32_store(int32_t *p, vi32 v) { memcpy(p, &v, sizeof v); }
FNN_INLINE void vi32_store_tail(int32_t *p, vi32 v, size_t n) {
  for (size_t i = 0; i < n; i++) p[i] = v[i];
}
/* Bytes to lanes (the tail: n in [1, lanes), the others zero) and, of values from 0 to 255, back.
 */
FNN_INLINE vi32 vi32_load_u8(const uint8_t *p) { return (vi32){p[0], p[1], p[2], p[3]}; }
FNN_INLINE vi32 vi32_load_u8_tail(const uint8_t *p, size_t n) {
  vi32 v = vi32_set1(0);
  for (size_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
FNN_INLINE void vi32_store_u8(uint8_t *p, vi32 v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)v[i];
}
FNN_INLINE vi32 vi32_add(vi32 a, vi32 b) { return (vi32)((vu32_)a + (vu32_)b); }
FNN_INLINE vi32 vi32_sub(vi32 a, vi32 b) { return (vi32)((vu32_)a - (vu32_)b); }
FNN_INLINE vi32 vi32_and(vi32 a, vi32 b) { return a & b; }
FNN_INLINE vi32 vi32_xor(vi32 a, vi32 b) { return a ^ b; }
FNN_INLINE vmask vi32_gt(vi32 a, vi32 b) { return a > b; }
FNN_INLINE vmask vi32_eq(vi32 a, vi32 b) { return a == b; }
#define vi32_shl(a, n) ((vi32)((vu32_)(a) << (n)))
#define vi32_shr(a, n) ((vi32)((vu32_)(a) >> (n))) /* logical */
#define vi32_sar(a, n) ((a) >> (n))                /* arithmetic */
/* hi:lo = a * m, unsigned 32 x 32 -> 64 bits. */
FNN_INLINE void vu32_mulhilo(vi32 a, uint32_t m, vi32 *hi, vi32 *lo) {
  vi32 h = a, l = a;
  for (int i = 0; i < 4; i++) {
    uint64_t p = (uint64_t)(uint32_t)a[i] * m;
    h[i] = (int32_t)(uint32_t)(p >> 32);
    l[i] = (int32_t)(uint32_t)p;
  }
  *hi = h, *lo = l;
}
/* Transpose a lanes x lanes block held in r. */
FNN_INLINE void vf32_transpose(vf32 r[4]) {
  vf32 a = r[0], b = r[1], c = r[2], d = r[3];
  r[0] = (vf32){a[0], b[0], c[0], d[0]};
  r[1] = (vf32){a[1], b[1], c[1], d[1]};
  r[2] = (vf32){a[2], b[2], c[2], d[2]};
  r[3] = (vf32){a[3], b[3], c[3], d[3]};
}
/* t[i % 8] in each lane, t aligned to 32 bytes. */
FNN_INLINE vf32 vf32_lookup8(const float *t, vi32 i) {
  return (vf32){t[i[0] & 7], t[i[1] & 7], t[i[2] & 7], t[i[3] & 7]};
}
/* From 2*lanes consecutive elements (a, b): those at even and at odd positions. */
FNN_INLINE vf32 vf32_even(vf32 a, vf32 b) { return (vf32){a[0], a[2], b[0], b[2]}; }
FNN_INLINE vf32 vf32_odd(vf32 a, vf32 b) { return (vf32){a[1], a[3], b[1], b[3]}; }
/* The inverse: a and b interleaved, low half and high half. */
FNN_INLINE vf32 vf32_zip_lo(vf32 a, vf32 b) { return (vf32){a[0], b[0], a[1], b[1]}; }
FNN_INLINE vf32 vf32_zip_hi(vf32 a, vf32 b) { return (vf32){a[2], b[2], a[3], b[3]}; }

/* The elements of v that are not zero (NaN is not) to out, base + lane to index; both may be
 * written for VF32_LANES elements.  Returns how many there are. */
FNN_INLINE size_t vf32_compress(vf32 v, int32_t base, float *out, int32_t *index) {
  size_t n = 0;
  for (int lane = 0; lane < VF32_LANES; lane++) {
    out[n] = v[lane];
    index[n] = base + lane;
    n += v[lane] != 0.0f;
  }
  return n;
}

/* n < VF32_LANES elements, the others are fill. */
FNN_INLINE vf32 vf32_load_tail_or(const float *p, size_t n, float fill) {
  vf32 v = vf32_set1(fill);
  for (size_t lane = 0; lane < n; lane++) v[lane] = p[lane];
  return v;
}
/* Lane j < half is v[j + half]; the others may be anything. */
FNN_INLINE vf32 vf32_high(vf32 v, int half) {
  return half == 2 ? (vf32){v[2], v[3], v[2], v[3]} : (vf32){v[1], v[1], v[1], v[1]};
}
FNN_INLINE float vf32_first(vf32 v) { return v[0]; }

#endif
