#include "engine/isa.h"

#include "engine/engine.h"

#include <oneapi/dnnl/dnnl.h>
#include <string.h>

static bool has(unsigned isa)
{
#ifdef __x86_64__
    return ((unsigned)dnnl_get_effective_cpu_isa() & isa) == isa;
#else
    (void)isa;
    return false;
#endif
}

bool tw_isa_has_avx2(void)
{
    return has(dnnl_cpu_isa_avx2);
}

bool tw_isa_has_avx512(void)
{
    return has(dnnl_cpu_isa_avx512_core);
}

bool tw_isa_has_vnni(void)
{
    return has(dnnl_cpu_isa_avx512_core_vnni) || has(dnnl_cpu_isa_avx2_vnni);
}

bool tw_isa_has_bf16(void)
{
    return has(dnnl_cpu_isa_avx512_core_bf16);
}

bool tw_isa_has_amx(void)
{
    return has(dnnl_cpu_isa_avx512_core_amx);
}

bool tw_isa_has_hard_swish(void)
{
#ifdef __aarch64__
    return false;
#else
    return true;
#endif
}

bool tw_isa_has_blocks(void)
{
#ifdef __x86_64__
    return has(dnnl_cpu_isa_sse41);
#else
    return true;
#endif
}

enum tw_status tw_engine_limit_isa(const char *name, struct tw_error *error)
{
    static const struct {
        const char *name;
        dnnl_cpu_isa_t isa;
    } known[] = {
        {"sse41", dnnl_cpu_isa_sse41},
        {"avx2", dnnl_cpu_isa_avx2},
        {"avx512", dnnl_cpu_isa_avx512_core},
        {"avx512_vnni", dnnl_cpu_isa_avx512_core_vnni},
        {"avx512_bf16", dnnl_cpu_isa_avx512_core_bf16},
        {"amx", dnnl_cpu_isa_avx512_core_amx},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        return dnnl_set_max_cpu_isa(known[i].isa) == dnnl_success
                   ? TW_OK
                   : tw_fail(error, TW_UNSUPPORTED, "instructions cannot be limited to %s here", name);
    }
    return tw_fail(error, TW_INVALID, "there are no instructions %s, only %s", name, TW_ISA_NAMES);
}
