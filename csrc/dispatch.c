/* dispatch.c - which levels this build has and which of them run here.
 *
 * Built for the baseline.  __builtin_cpu_supports asks the CPU and, through XGETBV, the OS.
 * FNN_EMULATE_V4 (test builds only) lists x86_v4 last and lets it run anywhere, because there it
 * is compiled from an emulation of its instructions. */
#include "fastnn.h"

#include <string.h>

extern const fnn_ukernels fnn_ukernels_generic;
static int always(void) { return 1; }

#if defined(__x86_64__)
extern const fnn_ukernels fnn_ukernels_x86_v3, fnn_ukernels_x86_v4;
static int has_v3(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#ifndef FNN_EMULATE_V4
static int has_v4(void) {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
#endif

const fnn_level fnn_levels[] = {
#if defined(__x86_64__)
#ifndef FNN_EMULATE_V4
    {has_v4, &fnn_ukernels_x86_v4},
#endif
    {has_v3, &fnn_ukernels_x86_v3},
#endif
    {always, &fnn_ukernels_generic},
#if defined(__x86_64__) && defined(FNN_EMULATE_V4)
    {always, &fnn_ukernels_x86_v4},
#endif
    {NULL, NULL},
};

const fnn_ukernels *fnn_ukernels_find(const char *name) {
  for (const fnn_level *l = fnn_levels; l->table; l++)
    if ((!name || strcmp(name, l->table->isa) == 0) && l->runs_here()) return l->table;
  return NULL;
}
