#include "report/summaries.h"

#include "base/memory.h"
#include "image/image.h"
#include "report/events.h"
#include "report/matrix_picture.h"
#include "report/projector.h"
#include "storage/storage.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PAIRS = 20, MOST_OF_A_PAIR = 8, MOST_CURVES = 30 };
static const char suffix[] = "final";

struct summaries {
    const struct tw_report *report;
    struct tw_events *events;
    size_t step;
    struct tw_error *error;
};

/* Tag of a measure; the caller frees it. */
static char *measure_tag(const struct tw_number *measure)
{
    return tw_format("final/%s", measure->name);
}

static enum tw_status put_scalars(const struct summaries *s)
{
    const struct tw_metrics_view *m = s->report->metrics;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < m->measure_count && !status; i++) {
        char *tag = measure_tag(&m->measures[i]);
        status = tag ? tw_events_scalar(s->events, s->step, tag, m->measures[i].value, s->error)
                     : tw_fail_memory(s->error, 1, "a tag");
        tw_free(tag);
    }
    return status;
}

static enum tw_status put_settings(const struct summaries *s)
{
    const struct tw_metrics_view *m = s->report->metrics;
    size_t count = m ? m->measure_count : 0, known = 0;
    char **tags = tw_alloc(count, sizeof *tags);
    enum tw_status status = tags ? TW_OK : tw_fail_memory(s->error, count * sizeof *tags, "tags");
    for (size_t i = 0; i < count && !status; i++) {
        if (isnan(m->measures[i].value))
            continue;
        tags[known] = measure_tag(&m->measures[i]);
        status = tags[known++] ? TW_OK : tw_fail_memory(s->error, 1, "a tag");
    }
    if (!status)
        status = tw_events_hparams(s->events, s->report->recipe_json, (const char *const *)tags, known, s->error);
    for (size_t i = 0; i < known; i++)
        tw_free(tags[i]);
    tw_free(tags);
    return status;
}

/* The picture has class numbers; its description has their names. */
static enum tw_status put_matrix(const struct summaries *s)
{
    const struct tw_metrics_view *m = s->report->metrics;
    struct tw_image picture = {0};
    struct tw_buffer png = {0}, names = {0};
    if (m->class_count > TW_MATRIX_MOST_CLASSES)
        return TW_OK;
    enum tw_status status = tw_matrix_picture(m, &picture, s->error);
    if (!status)
        status = tw_image_to_png(&picture, &png, s->error);
    if (!status)
        status = tw_buffer_append_text(&names, "Rows: truth; columns: prediction.\n\n", s->error);
    for (size_t i = 0; i < m->class_count && !status; i++)
        status = tw_buffer_printf(&names, s->error, "- %zu: `%s`\n", i, m->labels[i]);
    if (!status)
        status = tw_buffer_append(&names, "", 1, s->error);
    struct tw_span bytes = tw_buffer_span(&png);
    const struct tw_events_images images = {.tag = "confusion matrix",
                                            .description = (const char *)names.data,
                                            .width = picture.width,
                                            .height = picture.height,
                                            .pictures = &bytes,
                                            .count = 1};
    if (!status)
        status = tw_events_image(s->events, s->step, &images, s->error);
    if (!status)
        status = tw_events_text(s->events, s->step, "classes", (const char *)names.data, s->error);
    tw_image_release(&picture);
    tw_buffer_release(&png);
    tw_buffer_release(&names);
    return status;
}

static enum tw_status put_curves(const struct summaries *s)
{
    const struct tw_report *r = s->report;
    bool *is_positive = tw_alloc(r->photo_count, sizeof *is_positive);
    enum tw_status status = is_positive ? TW_OK : tw_fail_memory(s->error, r->photo_count, "a curve");
    for (size_t c = 0; c < r->class_count && c < MOST_CURVES && r->photo_count && !status; c++) {
        for (size_t i = 0; i < r->photo_count; i++)
            is_positive[i] = r->photos[i].truth == c;
        const struct tw_events_curve curve = {.tag = r->labels[c],
                                              .scores = r->photos[0].scores + c,
                                              .is_positive = is_positive,
                                              .count = r->photo_count,
                                              .stride = r->class_count};
        status = tw_events_pr_curve(s->events, s->step, &curve, s->error);
    }
    tw_free(is_positive);
    return status;
}

/* Photos of one truth that were taken for one other class. */
static enum tw_status put_pair(const struct summaries *s, size_t truth, size_t prediction)
{
    const struct tw_report *r = s->report;
    struct tw_buffer jpegs[MOST_OF_A_PAIR] = {{0}};
    struct tw_span pictures[MOST_OF_A_PAIR];
    size_t count = 0;
    for (size_t i = 0; i < r->photo_count && count < MOST_OF_A_PAIR; i++) {
        const struct tw_report_photo *photo = &r->photos[i];
        if (photo->truth == truth && photo->prediction == prediction &&
            r->thumbnail(r->context, photo->key, &jpegs[count])) {
            pictures[count] = tw_buffer_span(&jpegs[count]);
            count++;
        }
    }
    char *tag = tw_format("misclassified/%s taken for %s", r->labels[truth], r->labels[prediction]);
    struct tw_image_info info = {0};
    enum tw_status status = tag ? TW_OK : tw_fail_memory(s->error, 1, "a tag");
    if (!status && count)
        status = tw_image_probe(pictures[0], &info, s->error);
    const struct tw_events_images images = {
        .tag = tag, .width = info.width, .height = info.height, .pictures = pictures, .count = count};
    if (!status && count)
        status = tw_events_image(s->events, s->step, &images, s->error);
    for (size_t i = 0; i < MOST_OF_A_PAIR; i++)
        tw_buffer_release(&jpegs[i]);
    tw_free(tag);
    return status;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct tw_confused_view *left = a, *right = b;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (left->truth != right->truth)
        return left->truth < right->truth ? -1 : 1;
    return (left->prediction > right->prediction) - (left->prediction < right->prediction);
}

static enum tw_status put_misclassified(const struct summaries *s)
{
    const struct tw_metrics_view *m = s->report->metrics;
    struct tw_confused_view *pairs = tw_alloc(m->pair_count, sizeof *pairs);
    size_t count = 0;
    enum tw_status status = pairs ? TW_OK : tw_fail_memory(s->error, m->pair_count * sizeof *pairs, "pairs");
    for (size_t i = 0; i < m->pair_count && !status; i++) {
        if (m->pairs[i].truth != m->pairs[i].prediction)
            pairs[count++] = m->pairs[i];
    }
    if (count)
        qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count && i < MOST_PAIRS && !status; i++)
        status = put_pair(s, pairs[i].truth, pairs[i].prediction);
    tw_free(pairs);
    return status;
}

/* Heads that were tried, one after another as steps, each by what it reached on rows that it had not learnt from. */
static enum tw_status put_candidates(const struct summaries *s)
{
    static const char *const tags[] = {"tried/log_loss", "tried/accuracy"}, *const keys[] = {"log_loss", "accuracy"};
    json_t *recipe = s->report->recipe_json ? json_loads(s->report->recipe_json, 0, NULL) : NULL;
    const json_t *candidates = json_object_get(recipe, "candidates");
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < json_array_size(candidates); i++) {
        for (size_t k = 0; k < 2 && !status; k++) {
            const json_t *value = json_object_get(json_array_get(candidates, i), keys[k]);
            status = tw_events_scalar(s->events, i, tags[k], json_is_number(value) ? json_number_value(value) : NAN,
                                      s->error);
        }
    }
    json_decref(recipe);
    return status;
}

/* Accuracy over examples that were learnt from: these are the steps. */
static enum tw_status put_learning_curve(const struct summaries *s)
{
    const struct tw_curve_view *curve = s->report->curve;
    enum tw_status status = TW_OK;
    for (size_t i = 0; curve && i < curve->point_count && !status; i++)
        status = tw_events_scalar(s->events, curve->points[i].rows, "learning_curve/accuracy",
                                  curve->points[i].accuracy, s->error);
    return status;
}

/* Of a head that was learnt without steps; one that was learnt by steps has its histograms from them. */
static enum tw_status put_weights(const struct summaries *s)
{
    const struct tw_report *r = s->report;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < r->weight_count && !r->point_count && !status; i++)
        status = tw_events_histogram(s->events, s->step, r->weights[i].name, r->weights[i].values, r->weights[i].count,
                                     s->error);
    return status;
}

static enum tw_status put_all(const struct summaries *s)
{
    const struct tw_report *report = s->report;
    enum tw_status status = put_settings(s);
    if (!status)
        status = put_candidates(s);
    if (!status)
        status = put_learning_curve(s);
    if (!status)
        status = put_weights(s);
    if (status || !report->metrics)
        return status;
    status = put_scalars(s);
    if (!status && report->metrics->confusion)
        status = put_matrix(s);
    if (!status)
        status = put_curves(s);
    if (!status && report->thumbnail)
        status = put_misclassified(s);
    return status;
}

enum tw_status tw_summaries_write(const char *folder, const struct tw_report *report, size_t step,
                                  struct tw_error *error)
{
    struct summaries s = {.report = report, .step = step, .error = error};
    char *eval = tw_uri_join(folder, "eval");
    enum tw_status status = eval ? tw_events_remove(eval, suffix, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_events_open(eval, suffix, &s.events, error);
    if (!status)
        status = put_all(&s);
    enum tw_status closed = tw_events_close(s.events, status ? NULL : error);
    tw_free(eval);
    status = status ? status : closed;
    return status ? status : tw_projector_write(folder, report, error);
}
