#include "tasks/run_report.h"

#include "base/memory.h"
#include "report/page.h"
#include "report/summaries.h"
#include "storage/storage.h"
#include "tasks/backbone.h"
#include "tasks/evaluation.h"
#include "train/doubt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FACTS = 12, MOST_LOG_BYTES = 256 << 20, MOST_EMBEDDINGS = 4000 };

/* Everything that a tw_report borrows. */
struct gathered {
    const struct tw_run_report *run;
    struct tw_report report;
    size_t *train_counts;
    struct tw_report_photo *photos;
    struct tw_report_embedding *embeddings;
    struct tw_report_skip *skips;
    struct tw_report_double *doubles;
    struct tw_report_suspect *suspects;
    struct tw_report_weights weights[2 * TW_MAX_BRANCHES * TW_MAX_STAGES];
    char weight_names[2 * TW_MAX_BRANCHES * TW_MAX_STAGES][40];
    struct tw_log_point *points;
    struct tw_report_fact facts[MOST_FACTS];
    const struct tw_item **items; /* of photos that were used, by uri */
    size_t item_count;
    char backbone_digest[TW_DIGEST_HEX], data_digest[TW_DIGEST_HEX], *policy, sizes[160], *events;
};

static void release(struct gathered *g)
{
    tw_free(g->train_counts);
    tw_free(g->photos);
    tw_free(g->embeddings);
    tw_free(g->skips);
    tw_free(g->doubles);
    tw_free(g->suspects);
    tw_free(g->points);
    tw_free(g->items);
    tw_free(g->policy);
    tw_free(g->events);
}

/* The class that counts as a row's truth, as in the metrics; -1: the row is in none. */
static int64_t truth_of(const struct tw_example_set *set, size_t row, size_t prediction, int64_t unlabelled_class)
{
    size_t first = set->starts[row], end = set->starts[row + 1];
    for (size_t i = first; i < end; i++) {
        if (set->labels[i] == (int64_t)prediction)
            return (int64_t)prediction;
    }
    return first < end ? set->labels[first] : unlabelled_class;
}

static enum tw_status gather_photos(struct gathered *g, struct tw_error *error)
{
    const struct tw_run_report *run = g->run;
    size_t n = run->labels->count;
    if (!run->metrics)
        return TW_OK;
    g->photos = tw_alloc(run->eval->count, sizeof *g->photos);
    if (!g->photos)
        return tw_fail_memory(error, run->eval->count * sizeof *g->photos, "the report");
    for (size_t i = 0; i < run->eval->count; i++) {
        const float *scores = run->scores + i * n;
        size_t prediction = tw_argmax(scores, n);
        int64_t truth = truth_of(run->eval, i, prediction, run->unlabelled_class);
        if (truth >= 0)
            g->photos[g->report.photo_count++] =
                (struct tw_report_photo){run->eval->keys[i], (size_t)truth, prediction, scores};
    }
    g->report.photos = g->photos;
    return TW_OK;
}

static enum tw_status gather_train(struct gathered *g, struct tw_error *error)
{
    const struct tw_run_report *run = g->run;
    const struct tw_example_set *sets[] = {run->train, run->eval};
    size_t count = run->train->count + run->eval->count, step = count / MOST_EMBEDDINGS + 1, n = run->labels->count;
    g->train_counts = tw_alloc(n, sizeof *g->train_counts);
    g->embeddings = tw_alloc(count / step + 2, sizeof *g->embeddings);
    if (!g->train_counts || !g->embeddings)
        return tw_fail_memory(error, count, "the report");
    for (size_t i = 0; i < run->train->label_count; i++)
        g->train_counts[run->train->labels[i]]++;
    for (size_t i = 0; i < run->train->count && run->unlabelled_class >= 0; i++)
        g->train_counts[run->unlabelled_class] += run->train->starts[i] == run->train->starts[i + 1];
    for (size_t s = 0; s < (run->is_cross_validated ? 1 : 2); s++) {
        const struct tw_example_set *set = sets[s];
        for (size_t i = 0; i < set->count; i += step) {
            bool has_label = set->starts[i] < set->starts[i + 1];
            g->embeddings[g->report.embedding_count++] = (struct tw_report_embedding){
                set->keys[i], has_label ? run->labels->names[set->labels[set->starts[i]]] : "(unlabelled)",
                s == 0 ? "train" : "eval", set->embeddings + i * set->width};
        }
    }
    g->report.train_count = run->train->count;
    g->report.train_counts = g->train_counts;
    g->report.embeddings = g->embeddings;
    g->report.width = run->train->width;
    return TW_OK;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp((*(const struct tw_item *const *)a)->uri, (*(const struct tw_item *const *)b)->uri);
}

static void add_skip(struct gathered *g, const struct tw_item *item)
{
    const char *reason = item->reason ? item->reason : "";
    bool is_conflict = item->cause == TW_SKIP_CONFLICT;
    g->skips[g->report.skip_count++] = (struct tw_report_skip){item->uri, reason};
    if (is_conflict || item->cause == TW_SKIP_COPY)
        g->doubles[g->report.double_count++] = (struct tw_report_double){item->uri, NULL, reason, is_conflict};
}

static int compare_contents(const void *a, const void *b)
{
    const struct tw_item *left = *(const struct tw_item *const *)a, *right = *(const struct tw_item *const *)b;
    int order = memcmp(&left->content, &right->content, sizeof left->content);
    return order ? order : strcmp(left->uri, right->uri);
}

/* Copies under the same labels, which were used, too. */
static void add_copies(struct gathered *g)
{
    qsort(g->items, g->item_count, sizeof *g->items, compare_contents);
    for (size_t i = 1; i < g->item_count; i++) {
        const struct tw_item *before = g->items[i - 1], *item = g->items[i];
        if (tw_digest_equal(&before->content, &item->content))
            g->doubles[g->report.double_count++] = (struct tw_report_double){item->uri, before->uri, "", false};
    }
}

static enum tw_status gather_items(struct gathered *g, struct tw_error *error)
{
    size_t count = 0;
    for (size_t d = 0; d < 2; d++)
        count += g->run->datasets[d] ? g->run->datasets[d]->count : 0;
    g->items = tw_alloc(count, sizeof *g->items);
    g->skips = tw_alloc(count, sizeof *g->skips);
    g->doubles = tw_alloc(count, sizeof *g->doubles);
    if (!g->items || !g->skips || !g->doubles)
        return tw_fail_memory(error, count * sizeof *g->skips, "the report");
    for (size_t d = 0; d < 2; d++) {
        const struct tw_dataset *dataset = g->run->datasets[d];
        for (size_t i = 0; dataset && i < dataset->count; i++) {
            const struct tw_item *item = &dataset->items[i];
            if (item->status == TW_ITEM_OK)
                g->items[g->item_count++] = item;
            else
                add_skip(g, item);
            if (item->status == TW_ITEM_OK && item->side == TW_SIDE_EVAL && !g->report.example)
                g->report.example = item->location;
        }
    }
    if (g->item_count)
        add_copies(g);
    if (g->item_count)
        qsort(g->items, g->item_count, sizeof *g->items, compare_items);
    g->report.skips = g->skips;
    g->report.doubles = g->doubles;
    g->report.input_count = count;
    if (!g->report.example && g->item_count)
        g->report.example = g->items[0]->location;
    return TW_OK;
}

static bool find_thumbnail(void *context, const char *key, struct tw_buffer *jpeg)
{
    const struct gathered *g = context;
    const struct tw_item wanted = {.uri = (char *)(uintptr_t)key}, *address = &wanted;
    const struct tw_item **found =
        g->item_count ? bsearch(&address, g->items, g->item_count, sizeof *g->items, compare_items) : NULL;
    return found && tw_thumbnail_load(g->run->store, &(*found)->content, jpeg);
}

/* The most doubtful labels of the training photos. */
static enum tw_status gather_suspects(struct gathered *g, struct tw_error *error)
{
    const struct tw_run_report *run = g->run;
    const struct tw_examples train = tw_example_set_view(run->train);
    struct tw_doubt *doubts = NULL;
    size_t count = 0;
    if (!run->held_out || !train.count || isnan(run->held_out[0]))
        return TW_OK;
    enum tw_status status = tw_doubt_by_scores(&train, run->held_out, run->labels->count, &doubts, &count, error);
    g->suspects = status ? NULL : tw_alloc(count + 1, sizeof *g->suspects);
    if (!status && !g->suspects)
        status = tw_fail_memory(error, count * sizeof *g->suspects, "the report");
    for (size_t i = 0; i < count && !status; i++) {
        const struct tw_doubt *d = &doubts[i];
        if (d->is_suspect)
            g->suspects[g->report.suspect_count++] = (struct tw_report_suspect){
                run->train->keys[d->row], (size_t)d->label, (size_t)d->suggested, d->own, d->other};
    }
    g->report.suspects = g->suspects;
    g->report.has_doubts = !status;
    tw_free(doubts);
    return status;
}

/* The training curve is what log.jsonl tells of it. A log that cannot be read leaves the curve out. */
static enum tw_status gather_points(struct gathered *g, struct tw_error *error)
{
    struct tw_buffer log = {0};
    size_t capacity = 0;
    char *path = tw_uri_join(g->run->run, "log.jsonl");
    enum tw_status status = path ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (!status && tw_storage_read(path, MOST_LOG_BYTES, &log, NULL))
        tw_buffer_clear(&log);
    for (size_t at = 0; at < log.size && !status;) {
        const uint8_t *start = log.data + at, *end = memchr(start, '\n', log.size - at);
        struct tw_span line = tw_span_of(start, end ? (size_t)(end - start) : log.size - at);
        at += line.size + 1;
        status = tw_grow((void **)&g->points, &capacity, g->report.point_count + 1, sizeof *g->points, error);
        if (!status && tw_log_line_to_point(line, &g->points[g->report.point_count]))
            g->report.point_count++;
    }
    g->report.points = g->points;
    tw_buffer_release(&log);
    tw_free(path);
    return status;
}

static void add_weights(struct gathered *g, size_t branch, size_t stage, const char *kind, const float *values,
                        size_t count)
{
    char *name = g->weight_names[g->report.weight_count];
    if (!values || !count)
        return;
    snprintf(name, sizeof g->weight_names[0], "head/%zu.%zu/%s", branch, stage, kind);
    g->weights[g->report.weight_count++] = (struct tw_report_weights){name, values, count};
}

static void gather_weights(struct gathered *g)
{
    const struct tw_head *head = g->run->head;
    for (size_t b = 0; head && b < head->branch_count; b++) {
        for (size_t i = 0; i < head->branches[b].stage_count; i++) {
            const struct tw_stage *stage = &head->branches[b].stages[i];
            bool is_dense = stage->kind == TW_STAGE_DENSE;
            add_weights(g, b, i, "weights", is_dense ? stage->weights : NULL, stage->inputs * stage->outputs);
            add_weights(g, b, i, "bias", is_dense ? stage->bias : NULL, stage->outputs);
        }
    }
    g->report.weights = g->weights;
}

static void add_fact(struct gathered *g, const char *name, const char *value)
{
    if (value && *value && g->report.fact_count < MOST_FACTS)
        g->facts[g->report.fact_count++] = (struct tw_report_fact){name, value};
}

static void gather_facts(struct gathered *g)
{
    const struct tw_run_report *run = g->run;
    const struct tw_backbone *backbone = run->backbone;
    snprintf(g->sizes, sizeof g->sizes, "%zu to train, %zu to evaluate, embeddings of %zu numbers, %zu classes",
             run->train->count, run->eval->count, run->train->width, run->labels->count);
    tw_digest_hex(&run->data_digest, g->data_digest);
    add_fact(g, "topwork", TW_VERSION);
    add_fact(g, "Examples", g->sizes);
    add_fact(g, "Backbone", backbone ? backbone->name : run->records_backbone);
    if (backbone) {
        tw_digest_hex(&backbone->digest, g->backbone_digest);
        g->policy = tw_image_policy_to_json(&backbone->policy);
        add_fact(g, "Backbone's SHA-256", g->backbone_digest);
        add_fact(g, "Layer", backbone->layer);
        add_fact(g, "From photo to input", g->policy);
    }
    add_fact(g, "Recipe and seed", run->recipe_json);
    add_fact(g, "Training data's SHA-256", g->data_digest);
    g->report.facts = g->facts;
}

static enum tw_status gather(struct gathered *g, struct tw_error *error)
{
    const struct tw_run_report *run = g->run;
    g->report = (struct tw_report){
        .run = run->run,
        .has_photos = run->store != NULL,
        .has_backbone = run->backbone != NULL,
        .input = run->input_count ? run->inputs[0] : NULL,
        .labels = (const char *const *)run->labels->names,
        .class_count = run->labels->count,
        .recipe_json = run->recipe_json,
        .growth = run->growth,
        .calibration = run->calibration,
        .curve = run->curve,
        .context = g,
        .thumbnail = run->store && run->store->thumbnails ? find_thumbnail : NULL,
    };
    enum tw_status status = gather_photos(g, error);
    if (!status)
        status = gather_train(g, error);
    if (!status)
        status = gather_items(g, error);
    if (!status)
        status = gather_suspects(g, error);
    if (!status)
        status = gather_points(g, error);
    gather_facts(g);
    gather_weights(g);
    g->events = tw_uri_join(run->run, "events");
    return status || g->events ? status : tw_fail_memory(error, 1, "a path");
}

static enum tw_status write_all(void *context, const struct tw_metrics_view *view, struct tw_error *error)
{
    struct gathered *g = context;
    struct tw_report *report = &g->report;
    report->metrics = view;
    size_t step = report->point_count ? report->points[report->point_count - 1].step : 0;
    enum tw_status status = tw_summaries_write(g->events, report, step, error);
    return status ? status : tw_page_write(g->run->run, report, error);
}

enum tw_status tw_run_report_write(const struct tw_run_report *run, struct tw_error *error)
{
    struct gathered g = {.run = run};
    enum tw_status status = gather(&g, error);
    if (!status && run->metrics)
        status = tw_evaluation_view(run->metrics, g.report.labels, write_all, &g, error);
    else if (!status)
        status = write_all(&g, NULL, error);
    release(&g);
    return status;
}
