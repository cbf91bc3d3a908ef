#include "engine/combine.h"

#include "engine/vector/kernels.h"

_Static_assert((int)TW_COMBINE_WIDTH == (int)VECTOR_COMBINED, "the kernels' width is the contract's");

tw_combine *tw_combine_choose(void)
{
    const struct vector_kernels *kernels = vector_kernels_for(16);
    return (kernels ? kernels : vector_kernels_for(8))->combine;
}
