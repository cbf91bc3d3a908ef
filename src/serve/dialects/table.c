#include "serve/dialect.h"

/* The first one that owns a path answers; the plain one, which is the last, owns all. */
const struct tw_dialect *const tw_dialects[] = {
    &tw_dialect_health, &tw_dialect_page,  &tw_dialect_tensorflow_serving, &tw_dialect_cloud_ml, &tw_dialect_kserve,
    &tw_dialect_vision, &tw_dialect_plain,
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

const char *tw_google_status(unsigned code)
{
    static const struct {
        unsigned code;
        const char *status;
    } names[] = {{400, "INVALID_ARGUMENT"}, {401, "UNAUTHENTICATED"},    {403, "PERMISSION_DENIED"},
                 {404, "NOT_FOUND"},        {405, "UNIMPLEMENTED"},      {409, "FAILED_PRECONDITION"},
                 {413, "INVALID_ARGUMENT"}, {429, "RESOURCE_EXHAUSTED"}, {503, "UNAVAILABLE"},
                 {504, "DEADLINE_EXCEEDED"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].code == code)
            return names[i].status;
    }
    return "INTERNAL";
}
