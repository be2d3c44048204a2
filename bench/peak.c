/* What a core can do at most: independent chains of fused multiply-adds, nothing else. */
#include <immintrin.h>
#include <stddef.h>

#ifdef __AVX512F__
#define V __m512
#define SET _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define STORE _mm512_storeu_ps
#define LANES 16
#else
#define V __m256
#define SET _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define STORE _mm256_storeu_ps
#define LANES 8
#endif
#define CHAINS 12

/* Returns the number of FLOPs done in n rounds. */
double fma_chains(size_t n, float x, float *out) {
  V a[CHAINS], m = SET(x);
  for (int i = 0; i < CHAINS; i++) a[i] = SET((float)i);
  for (size_t r = 0; r < n; r++)
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) a[i] = FMA(a[i], m, m);
  for (int i = 1; i < CHAINS; i++) a[0] = ADD(a[0], a[i]);
  STORE(out, a[0]);
  return 2.0 * CHAINS * LANES * (double)n;
}
