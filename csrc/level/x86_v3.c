/* level/x86_v3.c - AVX2 + FMA; built with this level's flags. */
#include "../simd/vec_avx2.h"

/* 6x16: 12 accumulators + 2 + 1 of 16 registers; one vector wide 12x8: 12 + 1 + 1 */
#define GEMM_MR 6
#define GEMM_MR_NARROW 12
#define GEMM_MC 168
#define GEMM_KC 256
#define GEMM_NC 1024
#define GEMM_FOR_EACH_MR(F) F(1) F(2) F(3) F(4) F(5) F(6)
#define GEMM_FOR_EACH_NARROW_MR(F) F(7) F(8) F(9) F(10) F(11) F(12)
#define GEMM_FOR_EACH_HALF_MR(F) F(1) F(2) F(3)
#define GEMM_TABLE(M)                                                                             \
  TILE_ROW(M, 1), TILE_ROW(M, 2), TILE_ROW(M, 3), TILE_ROW(M, 4), TILE_ROW(M, 5), TILE_ROW(M, 6), \
      TILE_NARROW(M, 7), TILE_NARROW(M, 8), TILE_NARROW(M, 9), TILE_NARROW(M, 10),                \
      TILE_NARROW(M, 11), TILE_NARROW(M, 12)
#define FNN_LEVEL_NAME "x86_v3"
#define FNN_LEVEL_TABLE fnn_ukernels_x86_v3
#include "level.h"
