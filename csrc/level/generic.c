/* level/generic.c - the baseline of the architecture. */
#include "../simd/vec_scalar.h"

/* 4x8: 8 accumulators + 2 + 1 of the 16 SSE registers */
#define GEMM_MR 4
#define GEMM_MR_NARROW 8
#define GEMM_MC 128
#define GEMM_KC 256
#define GEMM_NC 1024
#define GEMM_FOR_EACH_MR(F) F(1) F(2) F(3) F(4)
#define GEMM_FOR_EACH_NARROW_MR(F) F(5) F(6) F(7) F(8)
#define GEMM_FOR_EACH_HALF_MR(F) F(1) F(2)
#define GEMM_TABLE(M)                                                                \
  TILE_ROW(M, 1), TILE_ROW(M, 2), TILE_ROW(M, 3), TILE_ROW(M, 4), TILE_NARROW(M, 5), \
      TILE_NARROW(M, 6), TILE_NARROW(M, 7), TILE_NARROW(M, 8)
#define FNN_LEVEL_NAME "generic"
#define FNN_LEVEL_TABLE fnn_ukernels_generic
#include "level.h"
