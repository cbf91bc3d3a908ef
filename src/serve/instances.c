#include "serve/instances.h"

#include "base/memory.h"
#include "serve/server.h"

void tw_instances_release(struct tw_instances *instances)
{
    for (size_t i = 0; i < instances->key_count; i++)
        tw_free(instances->keys[i]);
    tw_free(instances->keys);
    *instances = (struct tw_instances){0};
}

/* One photo's bytes, and its key where it has one. */
static bool add_photo(struct tw_exchange *exchange, struct json_object *bytes, struct json_object *key,
                      struct tw_instances *instances)
{
    struct tw_buffer decoded = {0};
    struct tw_error error = {0};
    size_t index = exchange->call.count;
    if (tw_json_bytes(bytes, &decoded, &error)) {
        tw_buffer_release(&decoded);
        return tw_refuse(exchange, 400, "image_bytes of instance %zu: %s", index, error.text);
    }
    if (!tw_exchange_add_owned(exchange, &decoded))
        return false;
    if (!instances->has_keys)
        return true;
    if (!json_object_is_type(key, json_type_string))
        return tw_refuse(exchange, 400, "key of instance %zu is no string", index);
    instances->keys[instances->key_count] = tw_strdup(json_object_get_string(key));
    return instances->keys[instances->key_count++] ? true : tw_refuse(exchange, 503, "no memory for a request");
}

static bool make_keys(struct tw_exchange *exchange, bool has_keys, size_t count, struct tw_instances *instances)
{
    instances->has_keys = has_keys;
    instances->keys = has_keys ? tw_alloc(count, sizeof *instances->keys) : NULL;
    return !has_keys || instances->keys ? true : tw_refuse(exchange, 503, "no memory for a request");
}

static bool check_count(struct tw_exchange *exchange, size_t count)
{
    size_t most = tw_server_limits(exchange->server)->most_photos;
    if (count == 0)
        return tw_refuse(exchange, 400, "there is no instance");
    return count <= most ? true
                         : tw_refuse(exchange, 413, "there are %zu instances, over the limit of %zu", count, most);
}

bool tw_instances_read_rows(struct tw_exchange *exchange, struct json_object *rows, struct tw_instances *instances)
{
    struct json_object *first, *key = NULL, *bytes = NULL;
    if (!json_object_is_type(rows, json_type_array))
        return tw_refuse(exchange, 400, "instances is no list");
    size_t count = json_object_array_length(rows);
    if (!check_count(exchange, count))
        return false;
    first = json_object_array_get_idx(rows, 0);
    if (!make_keys(exchange,
                   json_object_is_type(first, json_type_object) && json_object_object_get_ex(first, "key", &key), count,
                   instances))
        return false;
    bool goes = true;
    for (size_t i = 0; i < count && goes; i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        if (!instances->has_keys && tw_json_is_bytes(row)) {
            goes = add_photo(exchange, row, NULL, instances);
            continue;
        }
        bool is_whole = json_object_is_type(row, json_type_object) &&
                        json_object_object_length(row) == (instances->has_keys ? 2 : 1) &&
                        json_object_object_get_ex(row, "image_bytes", &bytes) &&
                        (!instances->has_keys || json_object_object_get_ex(row, "key", &key));
        goes = is_whole ? add_photo(exchange, bytes, key, instances)
                        : tw_refuse(exchange, 400, "instance %zu should have %s, as the signature's inputs are", i,
                                    instances->has_keys ? "image_bytes and key" : "image_bytes alone");
    }
    return goes;
}

bool tw_instances_read_columns(struct tw_exchange *exchange, struct json_object *columns,
                               struct tw_instances *instances)
{
    struct json_object *bytes = columns, *keys = NULL;
    if (json_object_is_type(columns, json_type_object)) {
        bool has_keys = json_object_object_get_ex(columns, "key", &keys);
        if (!json_object_object_get_ex(columns, "image_bytes", &bytes) ||
            json_object_object_length(columns) != (has_keys ? 2 : 1))
            return tw_refuse(exchange, 400, "inputs should have image_bytes, and may have key");
    }
    if (!json_object_is_type(bytes, json_type_array) || (keys && !json_object_is_type(keys, json_type_array)))
        return tw_refuse(exchange, 400, "a column of inputs is no list");
    size_t count = json_object_array_length(bytes);
    if (!check_count(exchange, count))
        return false;
    if (keys && json_object_array_length(keys) != count)
        return tw_refuse(exchange, 400, "inputs has %zu image_bytes and %zu keys", count,
                         json_object_array_length(keys));
    bool goes = make_keys(exchange, keys != NULL, count, instances);
    for (size_t i = 0; i < count && goes; i++)
        goes = add_photo(exchange, json_object_array_get_idx(bytes, i),
                         keys ? json_object_array_get_idx(keys, i) : NULL, instances);
    return goes;
}

bool tw_answer_scores(struct tw_exchange *exchange, const struct tw_answer *answer)
{
    size_t count = exchange->call.served->labels.count;
    bool goes = tw_response_text(exchange, "[");
    for (size_t i = 0; i < count && goes; i++)
        goes = tw_response_text(exchange, i ? ", " : "") && tw_response_float(exchange, answer->scores[i]);
    return goes && tw_response_text(exchange, "]");
}

bool tw_instances_put(struct tw_exchange *exchange, const struct tw_instances *instances, size_t index)
{
    const struct tw_answer *answer = &exchange->call.photos[index].answer;
    if (!tw_response_text(exchange, index ? ",\n{" : "\n{"))
        return false;
    if (instances->has_keys &&
        !(tw_response_text(exchange, "\"key\": ") && tw_response_quoted(exchange, instances->keys[index]) &&
          tw_response_text(exchange, ", ")))
        return false;
    return tw_response_text(exchange, "\"prediction\": %zu, \"scores\": ", answer->best) &&
           tw_answer_scores(exchange, answer) && tw_response_text(exchange, "}");
}
