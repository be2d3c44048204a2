/* level/x86_v4.c - AVX-512 (F, BW, DQ, VL); built with this level's flags. */
#include "../simd/vec_avx512.h"

/* 12x32: 24 accumulators + 2 + 1 of 32 registers */
#define GEMM_MR 12
#define GEMM_MR_NARROW 12
#define GEMM_MC 240
#define GEMM_KC 256
#define GEMM_NC 1024
#define GEMM_FOR_EACH_MR(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12)
#define GEMM_FOR_EACH_NARROW_MR(F)
#define GEMM_FOR_EACH_HALF_MR(F) F(1) F(2) F(3) F(4) F(5) F(6)
#define GEMM_TABLE(M)                                                                             \
  TILE_ROW(M, 1), TILE_ROW(M, 2), TILE_ROW(M, 3), TILE_ROW(M, 4), TILE_ROW(M, 5), TILE_ROW(M, 6), \
      TILE_ROW(M, 7), TILE_ROW(M, 8), TILE_ROW(M, 9), TILE_ROW(M, 10), TILE_ROW(M, 11),           \
      TILE_ROW(M, 12)
#define FNN_LEVEL_NAME "x86_v4"
#define FNN_LEVEL_TABLE fnn_ukernels_x86_v4
#include "level.h"
