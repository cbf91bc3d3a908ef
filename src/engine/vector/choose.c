#include "engine/isa.h"
#include "engine/vector/kernels.h"

const struct vector_kernels *vector_kernels_for(int width)
{
#ifdef __x86_64__
    if (width == vector_avx512.width && tw_isa_has_avx512())
        return &vector_avx512;
    if (width == vector_avx2.width && tw_isa_has_avx2() && __builtin_cpu_supports("fma"))
        return &vector_avx2;
#endif
    return width == vector_portable.width ? &vector_portable : NULL;
}
