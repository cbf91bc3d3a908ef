#include "engine/engine.h"

#include "engine/isa.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Changes whenever the engine's choices may change bits. */
enum { ENGINE_VERSION = 7 };

static pthread_once_t is_made = PTHREAD_ONCE_INIT; /* guards what follows */
static char identities[TW_PRECISION_AUTO + 1][256], build[200], cpu[256];

static void read_model_name(char *name, size_t size)
{
    char line[512];
    snprintf(name, size, "unknown CPU");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        colon[strcspn(colon, "\n")] = 0;
        snprintf(name, size, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (file != NULL)
        fclose(file);
}

const char *tw_precision_name(enum tw_precision precision)
{
    static const char *const names[] = {"f32", "bf16", "int8", "auto"};
    return names[precision];
}

enum tw_precision tw_engine_precision(enum tw_precision wanted)
{
    bool is_f32 = wanted == TW_PRECISION_AUTO || (wanted == TW_PRECISION_BF16 && !tw_isa_has_bf16());
    return is_f32 ? TW_PRECISION_F32 : wanted;
}

static void make(void)
{
    const dnnl_version_t *version = dnnl_version();
    char name[128];
    read_model_name(name, sizeof name);
    snprintf(build, sizeof build, "topwork engine %d, oneDNN %d.%d.%d, isa %#x", ENGINE_VERSION, version->major,
             version->minor, version->patch, (unsigned)dnnl_get_effective_cpu_isa());
    for (int i = 0; i <= TW_PRECISION_AUTO; i++)
        snprintf(identities[i], sizeof identities[i], "%s, %s", build,
                 tw_precision_name(tw_engine_precision((enum tw_precision)i)));
    size_t begin = (size_t)snprintf(cpu, sizeof cpu, "%s", name), used = begin;
    const struct {
        const char *word;
        bool has;
    } parts[] = {{"avx2", tw_isa_has_avx2()},
                 {"avx512", tw_isa_has_avx512()},
                 {"vnni", tw_isa_has_vnni()},
                 {"bf16", tw_isa_has_bf16()},
                 {"amx", tw_isa_has_amx()}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && used < sizeof cpu; i++) {
        if (parts[i].has)
            used += (size_t)snprintf(cpu + used, sizeof cpu - used, "%s%s", used == begin ? ", " : " ", parts[i].word);
    }
}

const char *tw_engine_identity(enum tw_precision precision)
{
    pthread_once(&is_made, make);
    return identities[precision];
}

const char *tw_engine_build(void)
{
    pthread_once(&is_made, make);
    return build;
}

const char *tw_engine_cpu(void)
{
    pthread_once(&is_made, make);
    return cpu;
}
