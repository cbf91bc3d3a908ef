#include "report/events.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/wire.h"
#include "storage/append.h"
#include "storage/storage.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_HEAD = 12, FRAME_TAIL = 4, BINS = 30, THRESHOLDS = 127 };
enum { DT_FLOAT = 1, DT_DOUBLE = 2, DT_STRING = 7 };
enum data_class { CLASS_NONE, CLASS_SCALAR, CLASS_TENSOR, CLASS_BLOBS };

struct tw_events {
    struct tw_appender *file;
};

static double wall_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static enum tw_status write_frame(struct tw_events *events, const struct tw_buffer *event, struct tw_error *error)
{
    struct tw_buffer frame = {0};
    uint8_t head[FRAME_HEAD], tail[FRAME_TAIL];
    tw_store_u64le(head, event->size);
    tw_store_u32le(head + 8, tw_crc32c_mask(tw_crc32c(0, head, 8)));
    tw_store_u32le(tail, tw_crc32c_mask(tw_crc32c(0, event->data, event->size)));
    enum tw_status status = tw_buffer_append(&frame, head, sizeof head, error);
    if (!status)
        status = tw_buffer_append(&frame, event->data, event->size, error);
    if (!status)
        status = tw_buffer_append(&frame, tail, sizeof tail, error);
    if (!status)
        status = tw_appender_write(events->file, tw_buffer_span(&frame), error);
    tw_buffer_release(&frame);
    return status;
}

static enum tw_status write_version(struct tw_events *events, struct tw_error *error)
{
    struct tw_buffer event = {0};
    enum tw_status status = tw_wire_put_double(&event, 1, wall_time(), error);
    if (!status)
        status = tw_wire_put_text(&event, 3, "brain.Event:2", error);
    if (!status)
        status = write_frame(events, &event, error);
    tw_buffer_release(&event);
    return status;
}

enum tw_status tw_events_open(const char *folder, const char *suffix, struct tw_events **events, struct tw_error *error)
{
    char host[65] = "host";
    (void)gethostname(host, sizeof host - 1);
    char *name =
        tw_format("events.out.tfevents.%010lld.%s.%ld.%s", (long long)wall_time(), host, (long)getpid(), suffix);
    char *path = name ? tw_uri_join(folder, name) : NULL;
    struct tw_events *made = tw_alloc(1, sizeof *made);
    enum tw_status status =
        path && made ? tw_storage_make_folders(folder, error) : tw_fail_memory(error, 1, "an event file");
    if (!status)
        status = tw_appender_open(path, &made->file, error);
    if (!status)
        status = write_version(made, error);
    tw_free(name);
    tw_free(path);
    if (status) {
        (void)!tw_events_close(made, NULL);
        return status;
    }
    *events = made;
    return TW_OK;
}

enum tw_status tw_events_close(struct tw_events *events, struct tw_error *error)
{
    if (!events)
        return TW_OK;
    enum tw_status status = tw_appender_close(events->file, error);
    tw_free(events);
    return status;
}

enum tw_status tw_events_remove(const char *folder, const char *suffix, struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_entry_kind kind;
    uint64_t size;
    enum tw_status status = tw_storage_kind(folder, &kind, &size, error);
    if (!status && kind == TW_ENTRY_FOLDER)
        status = tw_storage_list(folder, &listing, error);
    for (size_t i = 0; i < listing.count && !status; i++) {
        const char *name = listing.entries[i].name, *last = strrchr(name, '.');
        bool is_ours = strncmp(name, "events.out.tfevents.", 20) == 0 && last;
        if (!is_ours || (suffix && strcmp(last + 1, suffix) != 0))
            continue;
        char *path = tw_uri_join(folder, name);
        status = path ? tw_storage_remove(path, error) : tw_fail_memory(error, 1, "a path");
        tw_free(path);
    }
    tw_listing_release(&listing);
    return status;
}

/* The value of one tag: a tensor and the plugin that shows it. */
struct value {
    const char *tag, *plugin, *description;
    enum data_class class;
    struct tw_span plugin_data, tensor; /* serialised */
};

static enum tw_status put_metadata(const struct value *value, struct tw_buffer *out, struct tw_error *error)
{
    struct tw_buffer plugin = {0};
    enum tw_status status = tw_wire_put_text(&plugin, 1, value->plugin, error);
    if (!status && value->plugin_data.size)
        status = tw_wire_put_bytes(&plugin, 2, value->plugin_data, error);
    if (!status)
        status = tw_wire_put_bytes(out, 1, tw_buffer_span(&plugin), error);
    if (!status && value->description)
        status = tw_wire_put_text(out, 3, value->description, error);
    if (!status && value->class)
        status = tw_wire_put_varint(out, 4, value->class, error);
    tw_buffer_release(&plugin);
    return status;
}

static enum tw_status write_value(struct tw_events *events, size_t step, const struct value *value,
                                  struct tw_error *error)
{
    struct tw_buffer metadata = {0}, inner = {0}, summary = {0}, event = {0};
    enum tw_status status = put_metadata(value, &metadata, error);
    if (!status)
        status = tw_wire_put_text(&inner, 1, value->tag, error);
    if (!status)
        status = tw_wire_put_bytes(&inner, 8, value->tensor, error);
    if (!status)
        status = tw_wire_put_bytes(&inner, 9, tw_buffer_span(&metadata), error);
    if (!status)
        status = tw_wire_put_bytes(&summary, 1, tw_buffer_span(&inner), error);
    if (!status)
        status = tw_wire_put_double(&event, 1, wall_time(), error);
    if (!status)
        status = tw_wire_put_varint(&event, 2, step, error);
    if (!status)
        status = tw_wire_put_bytes(&event, 5, tw_buffer_span(&summary), error);
    if (!status)
        status = write_frame(events, &event, error);
    tw_buffer_release(&metadata);
    tw_buffer_release(&inner);
    tw_buffer_release(&summary);
    tw_buffer_release(&event);
    return status;
}

/* dtype and shape of a TensorProto; its content is appended by the caller. */
static enum tw_status begin_tensor(struct tw_buffer *out, int type, const size_t *shape, size_t rank,
                                   struct tw_error *error)
{
    struct tw_buffer dimensions = {0}, dimension = {0};
    enum tw_status status = tw_wire_put_varint(out, 1, (uint64_t)type, error);
    for (size_t i = 0; i < rank && !status; i++) {
        tw_buffer_clear(&dimension);
        status = tw_wire_put_varint(&dimension, 1, shape[i], error);
        if (!status)
            status = tw_wire_put_bytes(&dimensions, 2, tw_buffer_span(&dimension), error);
    }
    if (!status)
        status = tw_wire_put_bytes(out, 2, tw_buffer_span(&dimensions), error);
    tw_buffer_release(&dimensions);
    tw_buffer_release(&dimension);
    return status;
}

enum tw_status tw_events_scalar(struct tw_events *events, size_t step, const char *tag, double value,
                                struct tw_error *error)
{
    struct tw_buffer tensor = {0};
    if (isnan(value))
        return TW_OK;
    enum tw_status status = begin_tensor(&tensor, DT_FLOAT, NULL, 0, error);
    if (!status)
        status = tw_wire_put_float(&tensor, 5, (float)value, error);
    const struct value made = {
        .tag = tag, .plugin = "scalars", .class = CLASS_SCALAR, .tensor = tw_buffer_span(&tensor)};
    if (!status)
        status = write_value(events, step, &made, error);
    tw_buffer_release(&tensor);
    return status;
}

enum tw_status tw_events_histogram(struct tw_events *events, size_t step, const char *tag, const float *values,
                                   size_t count, struct tw_error *error)
{
    double bins[BINS][3] = {{0}};
    size_t counts[BINS] = {0};
    float least = INFINITY, greatest = -INFINITY;
    for (size_t i = 0; i < count; i++) { /* comparisons with NaN are false */
        least = values[i] < least && values[i] > -FLT_MAX ? values[i] : least;
        greatest = values[i] > greatest && values[i] < FLT_MAX ? values[i] : greatest;
    }
    if (least > greatest)
        return TW_OK;
    double width = ((double)greatest - (double)least) / BINS;
    float scale = width > 0 ? (float)(1 / width) : 0;
    for (size_t i = 0; i < count; i++) {
        float place = (values[i] - least) * scale;
        if (place >= 0 && place <= 2 * BINS) /* false for NaN and infinities */
            counts[place < BINS ? (int)place : BINS - 1]++;
    }
    for (int i = 0; i < BINS; i++) {
        bins[i][0] = (double)least + width * i;
        bins[i][1] = i + 1 < BINS ? (double)least + width * (i + 1) : (double)greatest;
        bins[i][2] = (double)counts[i];
    }
    struct tw_buffer tensor = {0};
    enum tw_status status = begin_tensor(&tensor, DT_DOUBLE, (size_t[]){BINS, 3}, 2, error);
    if (!status)
        status = tw_wire_put_bytes(&tensor, 4, tw_span_of(bins, sizeof bins), error);
    const struct value made = {
        .tag = tag, .plugin = "histograms", .class = CLASS_TENSOR, .tensor = tw_buffer_span(&tensor)};
    if (!status)
        status = write_value(events, step, &made, error);
    tw_buffer_release(&tensor);
    return status;
}

enum tw_status tw_events_text(struct tw_events *events, size_t step, const char *tag, const char *markdown,
                              struct tw_error *error)
{
    struct tw_buffer tensor = {0};
    enum tw_status status = begin_tensor(&tensor, DT_STRING, NULL, 0, error);
    if (!status)
        status = tw_wire_put_text(&tensor, 8, markdown, error);
    const struct value made = {.tag = tag, .plugin = "text", .class = CLASS_TENSOR, .tensor = tw_buffer_span(&tensor)};
    if (!status)
        status = write_value(events, step, &made, error);
    tw_buffer_release(&tensor);
    return status;
}

enum tw_status tw_events_image(struct tw_events *events, size_t step, const struct tw_events_images *images,
                               struct tw_error *error)
{
    struct tw_buffer tensor = {0};
    char width[16], height[16];
    snprintf(width, sizeof width, "%d", images->width);
    snprintf(height, sizeof height, "%d", images->height);
    enum tw_status status = begin_tensor(&tensor, DT_STRING, (size_t[]){images->count + 2}, 1, error);
    if (!status)
        status = tw_wire_put_text(&tensor, 8, width, error);
    if (!status)
        status = tw_wire_put_text(&tensor, 8, height, error);
    for (size_t i = 0; i < images->count && !status; i++)
        status = tw_wire_put_bytes(&tensor, 8, images->pictures[i], error);
    const struct value made = {.tag = images->tag,
                               .plugin = "images",
                               .description = images->description,
                               .class = CLASS_BLOBS,
                               .tensor = tw_buffer_span(&tensor)};
    if (!status)
        status = write_value(events, step, &made, error);
    tw_buffer_release(&tensor);
    return status;
}

/* Rows of the plugin's tensor: true and false positives, true and false negatives, precision, recall. */
static void fill_curve(const struct tw_events_curve *curve, float rows[6][THRESHOLDS])
{
    size_t positives[THRESHOLDS] = {0}, negatives[THRESHOLDS] = {0}, all_positives = 0, all_negatives = 0;
    for (size_t i = 0; i < curve->count; i++) {
        float score = curve->scores[i * curve->stride];
        int bin = score >= 0 && score <= 1 ? (int)(score * (THRESHOLDS - 1)) : 0;
        size_t *of_side = curve->is_positive[i] ? positives : negatives;
        of_side[bin]++;
        *(curve->is_positive[i] ? &all_positives : &all_negatives) += 1;
    }
    size_t true_positives = 0, false_positives = 0;
    for (int i = THRESHOLDS - 1; i >= 0; i--) {
        true_positives += positives[i];
        false_positives += negatives[i];
        size_t predicted = true_positives + false_positives;
        rows[0][i] = (float)true_positives;
        rows[1][i] = (float)false_positives;
        rows[2][i] = (float)(all_negatives - false_positives);
        rows[3][i] = (float)(all_positives - true_positives);
        rows[4][i] = predicted ? (float)true_positives / (float)predicted : 1;
        rows[5][i] = all_positives ? (float)true_positives / (float)all_positives : 0;
    }
}

enum tw_status tw_events_pr_curve(struct tw_events *events, size_t step, const struct tw_events_curve *curve,
                                  struct tw_error *error)
{
    float rows[6][THRESHOLDS];
    struct tw_buffer tensor = {0}, plugin = {0};
    fill_curve(curve, rows);
    enum tw_status status = begin_tensor(&tensor, DT_FLOAT, (size_t[]){6, THRESHOLDS}, 2, error);
    if (!status)
        status = tw_wire_put_bytes(&tensor, 4, tw_span_of(rows, sizeof rows), error);
    if (!status)
        status = tw_wire_put_varint(&plugin, 2, THRESHOLDS, error);
    const struct value made = {.tag = curve->tag,
                               .plugin = "pr_curves",
                               .class = CLASS_TENSOR,
                               .plugin_data = tw_buffer_span(&plugin),
                               .tensor = tw_buffer_span(&tensor)};
    if (!status)
        status = write_value(events, step, &made, error);
    tw_buffer_release(&tensor);
    tw_buffer_release(&plugin);
    return status;
}

/* google.protobuf.Value: number_value 2, string_value 3, bool_value 4. */
static enum tw_status put_setting(struct tw_buffer *settings, const char *name, const json_t *value,
                                  struct tw_error *error)
{
    struct tw_buffer wrapped = {0}, entry = {0};
    enum tw_status status = TW_OK;
    if (json_is_number(value))
        status = tw_wire_put_double(&wrapped, 2, json_number_value(value), error);
    else if (json_is_string(value))
        status = tw_wire_put_text(&wrapped, 3, json_string_value(value), error);
    else if (json_is_boolean(value))
        status = tw_wire_put_varint(&wrapped, 4, json_is_true(value), error);
    if (!status && wrapped.size)
        status = tw_wire_put_text(&entry, 1, name, error);
    if (!status && wrapped.size)
        status = tw_wire_put_bytes(&entry, 2, tw_buffer_span(&wrapped), error);
    if (!status && wrapped.size)
        status = tw_wire_put_bytes(settings, 1, tw_buffer_span(&entry), error);
    tw_buffer_release(&wrapped);
    tw_buffer_release(&entry);
    return status;
}

/* HParamInfo: name 1, type 4 (1 text, 2 bool, 3 number). */
static enum tw_status put_setting_info(struct tw_buffer *experiment, const char *name, const json_t *value,
                                       struct tw_error *error)
{
    struct tw_buffer info = {0};
    uint64_t type = json_is_number(value) ? 3 : json_is_boolean(value) ? 2 : json_is_string(value) ? 1 : 0;
    if (!type)
        return TW_OK;
    enum tw_status status = tw_wire_put_text(&info, 1, name, error);
    if (!status)
        status = tw_wire_put_varint(&info, 4, type, error);
    if (!status)
        status = tw_wire_put_bytes(experiment, 4, tw_buffer_span(&info), error);
    tw_buffer_release(&info);
    return status;
}

/* MetricInfo: name 1 {tag 2}. No group: the metric is of the same run. */
static enum tw_status put_metric(struct tw_buffer *experiment, const char *tag, struct tw_error *error)
{
    struct tw_buffer name = {0}, info = {0};
    enum tw_status status = tw_wire_put_text(&name, 2, tag, error);
    if (!status)
        status = tw_wire_put_bytes(&info, 1, tw_buffer_span(&name), error);
    if (!status)
        status = tw_wire_put_bytes(experiment, 5, tw_buffer_span(&info), error);
    tw_buffer_release(&name);
    tw_buffer_release(&info);
    return status;
}

/* HParamsPluginData: `field` is experiment 2, session_start_info 3 or session_end_info 4. */
static enum tw_status write_hparams(struct tw_events *events, const char *tag, uint32_t field, struct tw_span message,
                                    struct tw_error *error)
{
    struct tw_buffer plugin = {0}, tensor = {0};
    enum tw_status status = tw_wire_put_bytes(&plugin, field, message, error);
    if (!status)
        status = begin_tensor(&tensor, DT_FLOAT, NULL, 0, error);
    const struct value made = {.tag = tag,
                               .plugin = "hparams",
                               .class = CLASS_TENSOR,
                               .plugin_data = tw_buffer_span(&plugin),
                               .tensor = tw_buffer_span(&tensor)};
    if (!status)
        status = write_value(events, 0, &made, error);
    tw_buffer_release(&plugin);
    tw_buffer_release(&tensor);
    return status;
}

enum tw_status tw_events_hparams(struct tw_events *events, const char *settings_json, const char *const *metric_tags,
                                 size_t metric_count, struct tw_error *error)
{
    struct tw_buffer experiment = {0}, start = {0}, end = {0};
    const char *name;
    json_t *value, *settings = json_loads(settings_json, 0, NULL);
    enum tw_status status = TW_OK;
    json_object_foreach(settings, name, value)
    {
        if (!status)
            status = put_setting_info(&experiment, name, value, error);
        if (!status)
            status = put_setting(&start, name, value, error);
    }
    for (size_t i = 0; i < metric_count && !status; i++)
        status = put_metric(&experiment, metric_tags[i], error);
    if (!status)
        status = tw_wire_put_double(&start, 5, wall_time(), error);
    if (!status)
        status = tw_wire_put_varint(&end, 1, 1, error);
    if (!status)
        status = tw_wire_put_double(&end, 2, wall_time(), error);
    if (!status)
        status = write_hparams(events, "_hparams_/experiment", 2, tw_buffer_span(&experiment), error);
    if (!status)
        status = write_hparams(events, "_hparams_/session_start_info", 3, tw_buffer_span(&start), error);
    if (!status)
        status = write_hparams(events, "_hparams_/session_end_info", 4, tw_buffer_span(&end), error);
    json_decref(settings);
    tw_buffer_release(&experiment);
    tw_buffer_release(&start);
    tw_buffer_release(&end);
    return status;
}
