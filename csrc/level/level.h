/* level/level.h - vocabulary + bodies -> one filled table.  Each level's .c file includes its
 * vec_*.h, sets GEMM_MR, GEMM_MR_NARROW, the lists of tile heights and the block sizes, then
 * includes this.  Everything is static but the table: of a shared inline function the linker would
 * keep one level's copy for all CPUs. */
#include "../fastnn.h"

#define TILE_MODES_BOTH(MR) TILE_MODES(MR, 1) TILE_MODES(MR, 2)
#define TILE_MODES_ONE(MR) TILE_MODES(MR, 1)

#include "../ukernel/gemm.h"
#include "../ukernel/gemm_rows.h"
#include "../ukernel/gemv.h"
#include "../ukernel/pack.h"
#include "../ukernel/vmath.h"
#include "../ukernel/reduce.h"
#include "../ukernel/softmax.h"
#include "../ukernel/attention.h"
#include "../ukernel/norm.h"
#include "../ukernel/elementwise.h"
#include "../ukernel/rectifier.h"
#include "../ukernel/gates.h"
#include "../ukernel/norm_columns.h"
#include "../ukernel/norm_planes.h"
#include "../ukernel/layer_norm.h"
#include "../ukernel/lrn.h"
#include "../ukernel/bce.h"
#include "../ukernel/losses.h"
#include "../ukernel/pool.h"
#include "../ukernel/pool_avg.h"
#include "../ukernel/pool_grad.h"
#include "../ukernel/pool_max.h"
#include "../ukernel/update.h"
#include "../ukernel/update_adaptive.h"
#include "../ukernel/philox.h"
#include "../ukernel/sparse.h"
#include "../ukernel/rows.h"
#include "../ukernel/winograd.h"
#include "../ukernel/depthwise.h"
#include "../ukernel/som.h"

const fnn_ukernels FNN_LEVEL_TABLE = {
    .isa = FNN_LEVEL_NAME,
    .lanes = VF32_LANES,
    .mr = GEMM_MR,
    .nr = 2 * VF32_LANES,
    .mc = GEMM_MC,
    .kc = GEMM_KC,
    .nc = GEMM_NC,
    .mr_narrow = GEMM_MR_NARROW,
#define X(ret, name, sig) .name = name,
#include "../ukernels.def"
#undef X
};
