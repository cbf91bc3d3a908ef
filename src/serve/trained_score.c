#include "serve/trained_score.h"

#include "base/memory.h"
#include "serve/json.h"
#include "storage/storage.h"

#include <math.h>

enum { MOST_BYTES = 64 << 20 };

static struct json_object *member(struct json_object *json, const char *name)
{
    struct json_object *found = NULL;
    return json_object_is_type(json, json_type_object) && json_object_object_get_ex(json, name, &found) ? found : NULL;
}

/* Bins of [count, mean score, share right]. */
static double mean_of(struct json_object *bins)
{
    double count = 0, sum = 0;
    if (!json_object_is_type(bins, json_type_array))
        return NAN;
    for (size_t i = 0; i < json_object_array_length(bins); i++) {
        struct json_object *bin = json_object_array_get_idx(bins, i);
        if (!json_object_is_type(bin, json_type_array) || json_object_array_length(bin) < 2)
            return NAN;
        double photos = json_object_get_double(json_object_array_get_idx(bin, 0));
        count += photos;
        sum += photos * json_object_get_double(json_object_array_get_idx(bin, 1));
    }
    return count > 0 ? sum / count : NAN;
}

double tw_trained_score(const char *examples)
{
    struct tw_buffer text = {0};
    struct json_object *json = NULL;
    double mean = NAN;
    char *uri = tw_uri_join(examples, "../metrics.json");
    if (uri && tw_storage_read(uri, MOST_BYTES, &text, &(struct tw_error){0}) == TW_OK &&
        tw_json_read(tw_buffer_span(&text), &json, &(struct tw_error){0}) == TW_OK)
        mean = mean_of(member(member(member(member(json, "calibration"), "evaluation"), "after"), "bins"));
    json_object_put(json);
    tw_buffer_release(&text);
    tw_free(uri);
    return isfinite(mean) ? mean : NAN;
}
