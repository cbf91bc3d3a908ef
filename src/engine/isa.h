/* Which instructions kernels may use: what the CPU has, within --max-isa and DNNL_MAX_CPU_ISA. One answer for own kernels and the
 * library's. False on CPUs other than x86-64, save for the last two. */
#ifndef TW_ENGINE_ISA_H
#define TW_ENGINE_ISA_H

#include <stdbool.h>

bool tw_isa_has_avx2(void);
bool tw_isa_has_avx512(void); /* with BW, VL and DQ */
bool tw_isa_has_vnni(
    void); /* in either width: without it two products of bytes meet in 16 bits, and are cut off there */
bool tw_isa_has_bf16(void);
bool tw_isa_has_amx(void);
bool tw_isa_has_hard_swish(void); /* the library's kernels give it; those of 2.6 for SVE give other numbers */
bool tw_isa_has_blocks(void);     /* whether the library has kernels for blocks of eight channels */

#endif
