/* KServe's Open Inference Protocol v2, as Triton speaks it: /v2, /v2/health/{live,ready}, /v2/models/M[/versions/V][/ready], and
 * POST .../infer with the binary tensor data extension (Inference-Header-Content-Length). Input: image_bytes, BYTES, [N]; in JSON
 * as {"b64": ".."} or base64 text (parameters.content_type "base64"). Outputs: scores FP32 [N, labels], prediction INT64 [N],
 * label BYTES [N]. */
#include "serve/dialect.h"

#include "base/memory.h"
#include "base/text.h"
#include "serve/json.h"
#include "serve/server.h"

#include <string.h>

enum output { SCORES, PREDICTION, LABEL, OUTPUTS };
static const struct {
    const char *name, *type;
} outputs[OUTPUTS] = {{"scores", "FP32"}, {"prediction", "INT64"}, {"label", "BYTES"}};

struct state {
    char *id; /* NULL: none */
    enum output wanted[OUTPUTS];
    bool is_binary[OUTPUTS]; /* of `wanted`, one for one */
    size_t wanted_count;
};

static void release_state(void *context)
{
    struct state *state = context;
    tw_free(state->id);
}

static bool owns(const char *path)
{
    return strcmp(path, "/v2") == 0 || strncmp(path, "/v2/", 4) == 0;
}

static bool no_address(struct tw_exchange *exchange)
{
    return tw_refuse(exchange, 404, "there is nothing at %s %s", exchange->request.method, exchange->request.path);
}

static bool answer_server(struct tw_exchange *exchange)
{
    const char *path = exchange->request.path;
    if (strcmp(path, "/v2") == 0 || strcmp(path, "/v2/") == 0)
        return tw_response_text(exchange, "{\"name\":\"topwork\",\"version\":\"" TW_VERSION
                                          "\",\"extensions\":[\"binary_tensor_data\"]}\n");
    if (strcmp(path, "/v2/health/live") == 0)
        return tw_response_text(exchange, "{\"live\":true}\n");
    if (strcmp(path, "/v2/health/ready") == 0)
        return tw_server_is_ready(exchange->server) ? tw_response_text(exchange, "{\"ready\":true}\n")
                                                    : tw_refuse(exchange, 503, "the server loads its models, or ends");
    return no_address(exchange);
}

/* /v2/models/MODEL[/versions/VERSION][/ready|/infer]; `text` is cut into pieces. */
struct target {
    const char *model, *version, *verb;
};

static bool read_target(struct tw_exchange *exchange, char *text, struct target *target)
{
    char *rest = strchr(text, '/');
    target->model = text;
    if (rest)
        *rest++ = 0;
    if (rest && strncmp(rest, "versions/", 9) == 0) {
        target->version = rest + 9;
        rest = strchr(rest + 9, '/');
        if (rest)
            *rest++ = 0;
    }
    target->verb = rest;
    bool is_verb = !rest || strcmp(rest, "ready") == 0 || strcmp(rest, "infer") == 0;
    return *text && is_verb && (!target->version || *target->version) ? true : no_address(exchange);
}

static bool answer_metadata(struct tw_exchange *exchange)
{
    const struct tw_served *served = exchange->call.served;
    return tw_response_text(exchange,
                            "{\"name\":\"%s\",\"versions\":[\"%lld\"],\"platform\":\"topwork\",\"inputs\":[{\"name\":"
                            "\"image_bytes\",\"datatype\":\"BYTES\",\"shape\":[-1]}],\"outputs\":[{\"name\":\"scores\","
                            "\"datatype\":\"FP32\",\"shape\":[-1,%zu]},{\"name\":\"prediction\",\"datatype\":\"INT64\","
                            "\"shape\":[-1]},{\"name\":\"label\",\"datatype\":\"BYTES\",\"shape\":[-1]}]}\n",
                            served->model, (long long)served->number, served->labels.count);
}

/* The member of `parameters` that is named, NULL where there is none. */
static struct json_object *parameter(struct json_object *json, const char *name)
{
    struct json_object *parameters, *value;
    return json_object_object_get_ex(json, "parameters", &parameters) &&
                   json_object_is_type(parameters, json_type_object) &&
                   json_object_object_get_ex(parameters, name, &value)
               ? value
               : NULL;
}

static bool want(struct tw_exchange *exchange, const char *name, bool is_binary)
{
    struct state *state = exchange->state;
    for (int i = 0; i < OUTPUTS && name; i++) {
        if (strcmp(outputs[i].name, name) != 0 || state->wanted_count == OUTPUTS)
            continue;
        state->is_binary[state->wanted_count] = is_binary;
        state->wanted[state->wanted_count++] = (enum output)i;
        return true;
    }
    return tw_refuse(exchange, 400, "there is no output %.100s; there are scores, prediction and label",
                     name ? name : "");
}

static bool read_outputs(struct tw_exchange *exchange, struct json_object *json)
{
    struct json_object *list, *name;
    bool all_binary = json_object_get_boolean(parameter(json, "binary_data_output"));
    bool goes = true;
    if (!json_object_object_get_ex(json, "outputs", &list)) {
        for (int i = 0; i < OUTPUTS && goes; i++)
            goes = want(exchange, outputs[i].name, all_binary);
        return goes;
    }
    if (!json_object_is_type(list, json_type_array))
        return tw_refuse(exchange, 400, "outputs is no list");
    for (size_t i = 0; i < json_object_array_length(list) && goes; i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        struct json_object *binary =
            json_object_is_type(entry, json_type_object) ? parameter(entry, "binary_data") : NULL;
        bool is_named = json_object_is_type(entry, json_type_object) &&
                        json_object_object_get_ex(entry, "name", &name) && json_object_is_type(name, json_type_string);
        goes = want(exchange, is_named ? json_object_get_string(name) : NULL,
                    binary ? json_object_get_boolean(binary) : all_binary);
    }
    return goes;
}

/* Elements of a BYTES tensor: u32 length (little-endian) and the bytes, one after the other. */
static bool read_binary(struct tw_exchange *exchange, struct tw_span bytes, int64_t count)
{
    struct tw_reader reader = tw_reader_of(bytes);
    struct tw_span photo;
    uint32_t size;
    bool goes = true;
    for (int64_t i = 0; i < count && goes; i++) {
        bool is_whole = tw_read_u32le(&reader, &size) && tw_read_span(&reader, size, &photo);
        goes = is_whole ? tw_exchange_add(exchange, photo)
                        : tw_refuse(exchange, 400, "image_bytes ends inside element %lld of %lld", (long long)i,
                                    (long long)count);
    }
    if (goes && tw_reader_left(&reader))
        return tw_refuse(exchange, 400, "image_bytes has %zu bytes more than its %lld elements",
                         tw_reader_left(&reader), (long long)count);
    return goes;
}

static bool read_element(struct tw_exchange *exchange, struct json_object *element, bool is_base64, int64_t index)
{
    struct tw_buffer decoded = {0};
    struct tw_error error = {0};
    enum tw_status status;
    if (is_base64 && json_object_is_type(element, json_type_string))
        status = tw_base64_decode(json_object_get_string(element), (size_t)json_object_get_string_len(element),
                                  &decoded, &error);
    else if (tw_json_is_bytes(element))
        status = tw_json_bytes(element, &decoded, &error);
    else
        status =
            tw_fail(&error, TW_CORRUPT,
                    "a photo's bytes are no JSON text: send them by the binary tensor data extension, as {\"b64\": "
                    "\"..\"}, or in base64 with the parameter content_type \"base64\"");
    if (!status)
        return tw_exchange_add_owned(exchange, &decoded);
    tw_buffer_release(&decoded);
    return tw_refuse(exchange, 400, "element %lld of image_bytes: %s", (long long)index, error.text);
}

/* Nested or flat lists: [[a], [b]] is [a, b]. */
static bool read_data(struct tw_exchange *exchange, struct json_object *data, bool is_base64, int64_t *index)
{
    bool goes = true;
    for (size_t i = 0; i < json_object_array_length(data) && goes; i++) {
        struct json_object *element = json_object_array_get_idx(data, i);
        if (json_object_is_type(element, json_type_array))
            goes = read_data(exchange, element, is_base64, index);
        else
            goes = read_element(exchange, element, is_base64, (*index)++);
    }
    return goes;
}

/* Product of the shape's sizes: [N], [N, 1] and the like. */
static bool read_count(struct tw_exchange *exchange, struct json_object *input, int64_t *count)
{
    struct json_object *shape = NULL;
    int64_t most = (int64_t)tw_server_limits(exchange->server)->most_photos;
    *count = 1;
    if (!json_object_object_get_ex(input, "shape", &shape) || !json_object_is_type(shape, json_type_array) ||
        json_object_array_length(shape) == 0 || json_object_array_length(shape) > 4)
        return tw_refuse(exchange, 400, "image_bytes has no shape; it should be [N]");
    for (size_t i = 0; i < json_object_array_length(shape); i++) {
        int64_t size = json_object_get_int64(json_object_array_get_idx(shape, i));
        if (size < 1)
            return tw_refuse(exchange, 400, "a size of image_bytes' shape is %lld", (long long)size);
        if (size > most / *count)
            return tw_refuse(exchange, 413, "image_bytes has more elements than the limit of %lld", (long long)most);
        *count *= size;
    }
    return true;
}

static bool read_input(struct tw_exchange *exchange, struct json_object *input, struct tw_span binary)
{
    struct json_object *name = NULL, *type = NULL, *data = NULL, *encoding;
    int64_t count, read = 0;
    if (!json_object_is_type(input, json_type_object) || !json_object_object_get_ex(input, "name", &name) ||
        strcmp(json_object_get_string(name), "image_bytes") != 0)
        return tw_refuse(exchange, 400, "the model's one input is image_bytes");
    if (!json_object_object_get_ex(input, "datatype", &type) || strcmp(json_object_get_string(type), "BYTES") != 0)
        return tw_refuse(exchange, 400, "image_bytes has the datatype BYTES");
    if (!read_count(exchange, input, &count))
        return false;
    struct json_object *size = parameter(input, "binary_data_size");
    if (size && (uint64_t)json_object_get_int64(size) != binary.size)
        return tw_refuse(exchange, 400, "binary_data_size is %lld, %zu bytes follow the header",
                         (long long)json_object_get_int64(size), binary.size);
    if (size)
        return read_binary(exchange, binary, count);
    if (!json_object_object_get_ex(input, "data", &data) || !json_object_is_type(data, json_type_array))
        return tw_refuse(exchange, 400, "image_bytes has neither data nor binary_data_size");
    encoding = parameter(input, "content_type");
    if (!read_data(exchange, data, encoding && strcmp(json_object_get_string(encoding), "base64") == 0, &read))
        return false;
    return read == count ? true
                         : tw_refuse(exchange, 400, "image_bytes has %lld elements, its shape says %lld",
                                     (long long)read, (long long)count);
}

static bool read_request(struct tw_exchange *exchange, struct json_object *json, struct tw_span binary)
{
    struct state *state = exchange->state;
    struct json_object *inputs, *id;
    if (!json_object_is_type(json, json_type_object))
        return tw_refuse(exchange, 400, "the body is no JSON object");
    if (json_object_object_get_ex(json, "id", &id) && json_object_is_type(id, json_type_string) &&
        !(state->id = tw_strdup(json_object_get_string(id))))
        return tw_refuse(exchange, 503, "no memory for a request");
    if (!json_object_object_get_ex(json, "inputs", &inputs) || !json_object_is_type(inputs, json_type_array) ||
        json_object_array_length(inputs) != 1)
        return tw_refuse(exchange, 400, "inputs should be a list of one, image_bytes");
    return read_outputs(exchange, json) && read_input(exchange, json_object_array_get_idx(inputs, 0), binary);
}

static bool infer(struct tw_exchange *exchange)
{
    struct json_object *json = NULL;
    struct tw_error error = {0};
    struct tw_span text = exchange->request.body, binary = {0};
    const char *length = tw_request_header(&exchange->request, "Inference-Header-Content-Length");
    int64_t header = 0;
    if (length && (!tw_parse_int64(length, 0, INT64_MAX, &header) || (uint64_t)header > text.size))
        return tw_refuse(exchange, 400, "Inference-Header-Content-Length is %.40s, the body has %zu bytes", length,
                         text.size);
    if (length) {
        binary = tw_span_of(text.data + header, text.size - (size_t)header);
        text.size = (size_t)header;
    }
    exchange->state = tw_alloc(1, sizeof(struct state));
    exchange->release_state = exchange->state ? release_state : NULL;
    if (!exchange->state)
        return tw_refuse(exchange, 503, "no memory for a request");
    if (tw_json_read(text, &json, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = read_request(exchange, json, binary);
    json_object_put(json);
    return goes;
}

static bool answer_model(struct tw_exchange *exchange, const struct target *target)
{
    bool is_infer = target->verb && strcmp(target->verb, "infer") == 0;
    bool is_post = strcmp(exchange->request.method, "POST") == 0;
    if (is_infer != is_post)
        return tw_refuse(exchange, 405, "%s takes %s", exchange->request.path, is_infer ? "POST" : "GET");
    if (!tw_exchange_find(exchange, target->model, target->version))
        return false;
    if (is_infer)
        return infer(exchange);
    return target->verb ? tw_response_text(exchange, "{\"name\":\"%s\",\"ready\":true}\n", exchange->call.served->model)
                        : answer_metadata(exchange);
}

static bool begin(struct tw_exchange *exchange)
{
    static const char models[] = "/v2/models/";
    struct target target = {0};
    const char *path = exchange->request.path;
    exchange->response.content_type = "application/json";
    exchange->response.code = 200;
    if (strncmp(path, models, sizeof models - 1) != 0)
        return answer_server(exchange);
    char *text = tw_strdup(path + sizeof models - 1);
    if (!text)
        return tw_refuse(exchange, 503, "no memory for a request");
    bool goes = read_target(exchange, text, &target) && answer_model(exchange, &target);
    tw_free(text);
    return goes;
}

static bool put_binary(const struct tw_exchange *exchange, enum output output, struct tw_buffer *binary)
{
    const struct tw_call *call = &exchange->call;
    const struct tw_labels *labels = &call->served->labels;
    bool goes = true;
    for (size_t i = 0; i < call->count && goes; i++) {
        const struct tw_answer *answer = &call->photos[i].answer;
        uint8_t number[8];
        const char *name = labels->names[answer->best];
        if (output == SCORES) { /* floats as they lie: all CPUs that are built for are little-endian */
            goes = !tw_buffer_append(binary, answer->scores, labels->count * sizeof *answer->scores, NULL);
            continue;
        }
        tw_store_u64le(number, output == PREDICTION ? answer->best : strlen(name));
        goes = !tw_buffer_append(binary, number, output == PREDICTION ? 8 : 4, NULL);
        if (output == LABEL)
            goes = goes && !tw_buffer_append_text(binary, name, NULL);
    }
    return goes;
}

static bool put_data(struct tw_exchange *exchange, enum output output)
{
    const struct tw_call *call = &exchange->call;
    const struct tw_labels *labels = &call->served->labels;
    bool goes = tw_response_text(exchange, ",\"data\":[");
    for (size_t i = 0; i < call->count && goes; i++) {
        const struct tw_answer *answer = &call->photos[i].answer;
        goes = tw_response_text(exchange, i ? "," : "");
        if (output == PREDICTION)
            goes = goes && tw_response_text(exchange, "%zu", answer->best);
        else if (output == LABEL)
            goes = goes && tw_response_quoted(exchange, labels->names[answer->best]);
        for (size_t j = 0; output == SCORES && j < labels->count && goes; j++)
            goes = tw_response_text(exchange, j ? "," : "") && tw_response_float(exchange, answer->scores[j]);
    }
    return goes && tw_response_text(exchange, "]");
}

static bool put_output(struct tw_exchange *exchange, size_t index, struct tw_buffer *binary)
{
    const struct state *state = exchange->state;
    enum output output = state->wanted[index];
    const struct tw_call *call = &exchange->call;
    size_t before = binary->size;
    bool goes = tw_response_text(exchange, "%s{\"name\":\"%s\",\"datatype\":\"%s\",\"shape\":[%zu", index ? "," : "",
                                 outputs[output].name, outputs[output].type, call->count);
    if (output == SCORES)
        goes = goes && tw_response_text(exchange, ",%zu", call->served->labels.count);
    goes = goes && tw_response_text(exchange, "]");
    if (goes && state->is_binary[index])
        goes = put_binary(exchange, output, binary)
                   ? tw_response_text(exchange, ",\"parameters\":{\"binary_data_size\":%zu}", binary->size - before)
                   : tw_refuse(exchange, 503, "no memory for an answer");
    else
        goes = goes && put_data(exchange, output);
    return goes && tw_response_text(exchange, "}");
}

static bool finish(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    const struct tw_served *served = exchange->call.served;
    struct tw_buffer binary = {0};
    exchange->response.code = 200;
    bool goes = tw_exchange_check(exchange, "element of image_bytes") &&
                tw_response_text(exchange, "{\"model_name\":\"%s\",\"model_version\":\"%lld\"", served->model,
                                 (long long)served->number);
    if (goes && state->id)
        goes = tw_response_text(exchange, ",\"id\":") && tw_response_quoted(exchange, state->id);
    goes = goes && tw_response_text(exchange, ",\"outputs\":[");
    for (size_t i = 0; i < state->wanted_count && goes; i++)
        goes = put_output(exchange, i, &binary);
    goes = goes && tw_response_text(exchange, "]}");
    if (goes && binary.size) {
        exchange->response.content_type = "application/octet-stream";
        goes = tw_response_header(exchange, "Inference-Header-Content-Length", "%zu", exchange->response.body.size) &&
               (tw_buffer_append(&exchange->response.body, binary.data, binary.size, NULL)
                    ? tw_refuse(exchange, 503, "no memory for an answer")
                    : true);
    }
    tw_buffer_release(&binary);
    return goes;
}

static void refuse(struct tw_exchange *exchange)
{
    exchange->response.content_type = "application/json";
    (void)!(tw_response_text(exchange, "{\"error\":") && tw_response_quoted(exchange, exchange->refusal) &&
            tw_response_text(exchange, "}\n"));
}

const struct tw_dialect tw_dialect_kserve = {
    .name = "kserve", .owns = owns, .begin = begin, .finish = finish, .refuse = refuse};
