#include "serve/dialect.h"

/* The first one that owns a path answers; the plain one, which is the last, owns all. */
const struct tw_dialect *const tw_dialects[] = {
    &tw_dialect_health,   &tw_dialect_page,   &tw_dialect_tensorflow_serving,
    &tw_dialect_cloud_ml, &tw_dialect_kserve, &tw_dialect_plain,
};
const size_t tw_dialect_count = sizeof tw_dialects / sizeof *tw_dialects;
_Static_assert(sizeof tw_dialects / sizeof *tw_dialects <= TW_MOST_DIALECTS, "TW_MOST_DIALECTS is too small");

size_t tw_dialect_index(const struct tw_dialect *dialect)
{
    size_t index = 0;
    while (index + 1 < tw_dialect_count && tw_dialects[index] != dialect)
        index++;
    return index;
}

const struct tw_dialect *tw_dialect_of(const char *path)
{
    size_t index = 0;
    while (index + 1 < tw_dialect_count && !tw_dialects[index]->owns(path))
        index++;
    return tw_dialects[index];
}
