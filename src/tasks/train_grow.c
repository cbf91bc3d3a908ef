/* The run that a training grows from: opening it, checking that what is new fits, and its rows beside the new ones. */
#include "base/memory.h"
#include "storage/storage.h"
#include "tasks/train_job.h"

#include <stdlib.h>
#include <string.h>

void tw_grown_release(struct tw_grown *grown)
{
    for (size_t i = 0; i < grown->growth.class_count; i++)
        tw_free((char *)(uintptr_t)grown->growth.classes[i].was);
    tw_free((struct tw_class_growth *)(uintptr_t)grown->growth.classes);
    tw_free((const char **)(uintptr_t)grown->growth.removed);
    tw_dataset_release(&grown->items);
    tw_labels_release(&grown->labels);
    tw_free(grown->places);
    tw_kept_examples_release(&grown->examples);
    tw_model_release(&grown->model);
    *grown = (struct tw_grown){0};
}

/* The model's classes without the unlabelled one, which comes and goes with photos that have no label. */
static enum tw_status change_labels(struct tw_train_job *job, struct tw_error *error)
{
    struct tw_grown *grown = &job->grown;
    const struct tw_labels *all = &grown->model.labels;
    struct tw_labels named = {0};
    size_t id;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < all->count && !status; i++) {
        if ((int64_t)i != grown->model.unlabelled_class)
            status = tw_labels_add(&named, all->names[i], &id, error);
    }
    grown->places = tw_alloc(all->count + 1, sizeof *grown->places);
    if (!status && !grown->places)
        status = tw_fail_memory(error, all->count * sizeof *grown->places, "the classes");
    if (!status)
        status = tw_labels_change(&named, job->options->label_changes, job->options->label_change_count, &grown->labels,
                                  grown->places, error);
    if (!status && grown->model.unlabelled_class >= 0)
        grown->places[grown->model.unlabelled_class] = -1;
    tw_labels_release(&named);
    return status;
}

static enum tw_status check_rows(const struct tw_grown *grown, struct tw_error *error)
{
    const struct tw_example_set *sets[] = {&grown->examples.train, &grown->examples.eval};
    for (size_t i = 0; i < 2; i++) {
        if (sets[i]->count && sets[i]->width != grown->model.embedding_size)
            return tw_fail(error, TW_CORRUPT, "its examples have %zu values, its model takes %zu", sets[i]->width,
                           grown->model.embedding_size);
        if (sets[i]->count && sets[i]->greatest_label >= (int64_t)grown->model.labels.count)
            return tw_fail(error, TW_CORRUPT, "its examples hold label %lld, its model has %zu",
                           (long long)sets[i]->greatest_label, grown->model.labels.count);
    }
    return TW_OK;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* A row's labels after the changes, increasing, into `now` (room for them); false: all of them are removed. */
static bool map_labels(const struct tw_grown *grown, const struct tw_example_set *set, size_t row, int64_t *now,
                       size_t *count)
{
    size_t first = set->starts[row], end = set->starts[row + 1], kept = 0;
    for (size_t i = first; i < end; i++) {
        if (grown->places[set->labels[i]] >= 0)
            now[kept++] = grown->places[set->labels[i]];
    }
    if (kept > 1)
        qsort(now, kept, sizeof *now, compare_ids);
    *count = 0;
    for (size_t i = 0; i < kept; i++) {
        if (*count == 0 || now[*count - 1] != now[i])
            now[(*count)++] = now[i];
    }
    return first == end || kept;
}

static enum tw_status add_item(struct tw_grown *grown, enum tw_side side, size_t row, struct tw_error *error)
{
    bool is_eval = side == TW_SIDE_EVAL;
    const struct tw_example_set *set = is_eval ? &grown->examples.eval : &grown->examples.train;
    const struct tw_kept_photo *photo = &grown->examples.photos[is_eval ? grown->examples.train.count + row : row];
    int64_t *labels = tw_alloc(set->starts[row + 1] - set->starts[row] + 1, sizeof *labels);
    size_t count;
    if (!labels)
        return tw_fail_memory(error, sizeof *labels, "labels");
    struct tw_item *item;
    bool is_left = map_labels(grown, set, row, labels, &count);
    enum tw_status status =
        is_left ? tw_dataset_add(&grown->items, set->keys[row], set->keys[row], &item, error) : TW_OK;
    if (status || !is_left) {
        tw_free(labels);
        return status;
    }
    item->labels = labels;
    item->label_count = count;
    item->content = photo->content;
    item->width = photo->width;
    item->height = photo->height;
    item->side = side;
    return TW_OK;
}

static enum tw_status list_items(struct tw_grown *grown, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    size_t id;
    for (size_t i = 0; i < grown->labels.count && !status; i++)
        status = tw_labels_add(&grown->items.labels, grown->labels.names[i], &id, error);
    for (size_t i = 0; i < grown->examples.train.count && !status; i++)
        status = add_item(grown, TW_SIDE_TRAIN, i, error);
    for (size_t i = 0; i < grown->examples.eval.count && !status; i++)
        status = add_item(grown, TW_SIDE_EVAL, i, error);
    return status;
}

static enum tw_status refuse_own_folder(const struct tw_train_options *options, struct tw_error *error)
{
    char *from = tw_uri_real(options->from), *output = tw_uri_real(options->output);
    bool is_own = from && output && strcmp(from, output) == 0;
    tw_free(from);
    tw_free(output);
    return is_own
               ? tw_fail(error, TW_INVALID,
                         "--from and -o are both %s: the grown run needs a folder of its own, so that nothing is lost "
                         "where it is stopped",
                         options->from)
               : TW_OK;
}

enum tw_status tw_train_grow_open(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_train_options *options = job->options;
    struct tw_grown *grown = &job->grown;
    enum tw_status status = refuse_own_folder(options, error);
    if (status)
        return status;
    status = tw_model_open(options->from, &grown->model, error);
    if (!status)
        status = tw_kept_examples_read(options->from, &options->task, &grown->examples, error);
    if (!status)
        status = check_rows(grown, error);
    if (status)
        return tw_fail_within(error, status, "--from %s", options->from);
    status = change_labels(job, error);
    if (status)
        return status;
    if (!grown->model.has_backbone)
        return TW_OK;
    if (!grown->examples.photos)
        return tw_fail(
            error, TW_NOT_FOUND,
            "--from %s: its examples/ holds no photos.csv, as an older topwork wrote it: train it once more, "
            "its embeddings come from the cache",
            options->from);
    return options->labels_uri ? tw_fail(error, TW_INVALID,
                                         "--labels and --from exclude each other: the classes of %s stay in their "
                                         "order, new ones come after them",
                                         options->from)
                               : list_items(grown, error);
}

static bool is_same_policy(const struct tw_image_policy *a, const struct tw_image_policy *b)
{
    char *left = tw_image_policy_to_json(a), *right = tw_image_policy_to_json(b);
    bool is_same = left && right && strcmp(left, right) == 0;
    tw_free(left);
    tw_free(right);
    return is_same;
}

static enum tw_status check_backbone(const struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_backbone *backbone = &job->backbone;
    const struct tw_model *model = &job->grown.model;
    const char *from = job->options->from, *layer = tw_graph_property(model->graph, "topwork.layer");
    if (!tw_digest_equal(&backbone->digest, &model->backbone_digest))
        return tw_fail(error, TW_CONFLICT,
                       "--backbone %s is not the network that %s was trained on (%s): their embeddings cannot be mixed",
                       backbone->name, from, model->backbone_name ? model->backbone_name : "unnamed");
    if (layer && strcmp(layer, backbone->layer) != 0)
        return tw_fail(error, TW_CONFLICT, "--layer %s is not the one that %s was trained on (%s)", backbone->layer,
                       from, layer);
    if (!is_same_policy(&backbone->policy, &model->policy))
        return tw_fail(error, TW_CONFLICT,
                       "photos would become tensors by another policy than those of %s did: leave --policy and "
                       "--ignore-exif as they were",
                       from);
    return TW_OK;
}

static void free_graph(void *graph)
{
    tw_graph_free(graph);
}

/* The backbone without what the cut left of the head: the new one takes its names. */
static enum tw_status drop_head(struct tw_backbone *backbone, struct tw_error *error)
{
    struct tw_graph *part;
    enum tw_status status = tw_graph_extract(backbone->graph, &part, error);
    if (status)
        return status;
    part->backing = backbone->graph; /* whose constants it borrows */
    part->release_backing = free_graph;
    backbone->graph = backbone->network.graph = part;
    return TW_OK;
}

/* The model file holds its backbone: the run alone is enough to grow from. */
static enum tw_status open_own_backbone(struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_model *model = &job->grown.model;
    const char *layer = tw_graph_property(model->graph, "topwork.layer");
    struct tw_task_options task = job->options->task;
    char *path = tw_uri_join(job->options->from, "model.onnx");
    task.backbone = path;
    task.layer = NULL;
    task.policy = NULL;
    task.ignores_exif = false;
    task.decodes_fast = false;
    task.precision = model->precision;
    enum tw_status status = path ? tw_backbone_open(&task, &job->backbone, error) : tw_fail_memory(error, 1, "a path");
    tw_free(path);
    if (!status)
        status = drop_head(&job->backbone, error);
    if (status)
        return status;
    char *name = tw_strdup(model->backbone_name ? model->backbone_name : "unnamed");
    char *its_layer = tw_strdup(layer ? layer : job->backbone.layer);
    if (!name || !its_layer) {
        tw_free(name);
        tw_free(its_layer);
        return tw_fail_memory(error, 1, "a name");
    }
    tw_free(job->backbone.name);
    tw_free(job->backbone.layer);
    job->backbone.name = name;
    job->backbone.layer = its_layer;
    job->backbone.digest = model->backbone_digest;
    return TW_OK;
}

enum tw_status tw_train_grow_backbone(struct tw_train_job *job, struct tw_error *error)
{
    struct tw_task_options task = job->options->task;
    const struct tw_model *model = &job->grown.model;
    bool is_named = task.backbone || task.layer || task.policy || task.ignores_exif || task.decodes_fast;
    if (task.names_precision && task.precision != TW_PRECISION_AUTO && task.precision != model->precision)
        return tw_fail(error, TW_CONFLICT,
                       "the embeddings of %s were computed in %s: --precision %s would mix them with others",
                       job->options->from, tw_precision_name(model->precision), tw_precision_name(task.precision));
    if (!is_named)
        return open_own_backbone(job, error);
    task.precision = model->precision;
    if (!task.backbone)
        task.backbone = model->backbone_name;
    enum tw_status status = tw_backbone_open(&task, &job->backbone, error);
    return status ? status : check_backbone(job, error);
}

/* Where a new row lies: its key's side in the run before, if it has one there. */
struct keys {
    char **names;
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum tw_status collect_keys(const struct tw_example_set *set, struct keys *keys, struct tw_error *error)
{
    keys->names = tw_alloc(set->count + 1, sizeof *keys->names);
    if (!keys->names)
        return tw_fail_memory(error, set->count * sizeof *keys->names, "keys");
    for (size_t i = 0; i < set->count; i++)
        keys->names[keys->count++] = set->keys[i];
    qsort(keys->names, keys->count, sizeof *keys->names, compare_names);
    return TW_OK;
}

static bool has_key(const struct keys *keys, const char *name)
{
    return keys->count && bsearch(&name, keys->names, keys->count, sizeof *keys->names, compare_names);
}

/* Rows on their way into the grown run's sides. */
struct merging {
    struct tw_train_job *job;
    struct keys old_train, old_eval, new_train, new_eval;
    struct tw_example_set train, eval;
    int64_t *new_places; /* of each label of the new records */
    int64_t *labels;     /* of one row */
    size_t label_capacity;
};

static enum tw_status reserve_labels(struct merging *m, const struct tw_example_set *set, size_t row,
                                     struct tw_error *error)
{
    return tw_grow((void **)&m->labels, &m->label_capacity, set->starts[row + 1] - set->starts[row] + 1,
                   sizeof *m->labels, error);
}

static enum tw_status add_new(struct merging *m, const struct tw_example_set *set, bool is_eval, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < set->count && !status; i++) {
        size_t first = set->starts[i], count = set->starts[i + 1] - first;
        bool was_eval = has_key(&m->old_eval, set->keys[i]), was_train = has_key(&m->old_train, set->keys[i]);
        status = reserve_labels(m, set, i, error);
        for (size_t j = 0; j < count && !status; j++)
            m->labels[j] = m->new_places[set->labels[first + j]];
        if (!status && count > 1)
            qsort(m->labels, count, sizeof *m->labels, compare_ids);
        struct tw_example_row row = tw_example_set_row(set, i);
        row.labels = m->labels;
        row.digest = NULL;
        if (!status)
            status = tw_example_set_add(was_eval || (is_eval && !was_train) ? &m->eval : &m->train, &row, error);
    }
    return status;
}

static enum tw_status add_old(struct merging *m, const struct tw_example_set *set, struct tw_example_set *to,
                              struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < set->count && !status; i++) {
        size_t count;
        if (has_key(&m->new_train, set->keys[i]) || has_key(&m->new_eval, set->keys[i]))
            continue;
        status = reserve_labels(m, set, i, error);
        if (status || !map_labels(&m->job->grown, set, i, m->labels, &count))
            continue;
        struct tw_example_row row = tw_example_set_row(set, i);
        row.labels = m->labels;
        row.label_count = count;
        row.digest = NULL;
        status = tw_example_set_add(to, &row, error);
    }
    return status;
}

static enum tw_status merge_labels(struct merging *m, struct tw_error *error)
{
    struct tw_labels *theirs = &m->job->labels, all = {0};
    enum tw_status status = TW_OK;
    size_t id;
    m->new_places = tw_alloc(theirs->count + 1, sizeof *m->new_places);
    if (!m->new_places)
        return tw_fail_memory(error, theirs->count * sizeof *m->new_places, "labels");
    for (size_t i = 0; i < m->job->grown.labels.count && !status; i++)
        status = tw_labels_add(&all, m->job->grown.labels.names[i], &id, error);
    for (size_t i = 0; i < theirs->count && !status; i++) {
        status = tw_labels_add(&all, theirs->names[i], &id, error);
        m->new_places[i] = (int64_t)id;
    }
    tw_labels_release(theirs);
    *theirs = all;
    return status;
}

static enum tw_status merge(struct merging *m, struct tw_error *error)
{
    const struct tw_kept_examples *old = &m->job->grown.examples;
    struct tw_train_job *job = m->job;
    enum tw_status status = merge_labels(m, error);
    if (!status)
        status = collect_keys(&old->train, &m->old_train, error);
    if (!status)
        status = collect_keys(&old->eval, &m->old_eval, error);
    if (!status)
        status = collect_keys(&job->train, &m->new_train, error);
    if (!status)
        status = collect_keys(&job->eval, &m->new_eval, error);
    if (!status)
        status = add_old(m, &old->train, &m->train, error);
    if (!status)
        status = add_old(m, &old->eval, &m->eval, error);
    if (!status)
        status = add_new(m, &job->train, false, error);
    if (!status)
        status = add_new(m, &job->eval, true, error);
    if (!status)
        status = tw_example_set_sort(&m->train, TW_ROWS_BY_CONTENT, error);
    return status ? status : tw_example_set_sort(&m->eval, TW_ROWS_BY_KEY, error);
}

static enum tw_status check_origin(const struct tw_train_job *job, struct tw_error *error)
{
    const struct tw_kept_examples *old = &job->grown.examples;
    const struct tw_manifest *theirs = job->input.manifest;
    const char *from = job->options->from;
    size_t width = job->train.count ? job->train.width : job->eval.width;
    if (width && width != job->grown.model.embedding_size)
        return tw_fail(error, TW_CONFLICT,
                       "the records have embeddings of %zu values, those of %s have %zu: they are of two backbones",
                       width, from, job->grown.model.embedding_size);
    if (job->options->input_count && old->has_manifest != (theirs != NULL))
        return tw_fail(error, TW_CONFLICT,
                       "%s %s which backbone made its embeddings, the new records %s: whether they can be mixed is not "
                       "known",
                       from, old->has_manifest ? "knows" : "does not know", theirs ? "do" : "do not");
    return theirs && old->has_manifest
               ? tw_input_same_backbone(&old->manifest, from, theirs, job->options->inputs[0], error)
               : TW_OK;
}

enum tw_status tw_train_grow_records(struct tw_train_job *job, struct tw_error *error)
{
    struct merging m = {.job = job};
    enum tw_status status = check_origin(job, error);
    if (!status)
        status = merge(&m, error);
    if (!status) {
        struct tw_example_set train = job->train, eval = job->eval;
        job->train = m.train;
        job->eval = m.eval;
        m.train = train;
        m.eval = eval;
        job->manifest = job->input.manifest                ? job->input.manifest
                        : job->grown.examples.has_manifest ? &job->grown.examples.manifest
                                                           : NULL;
    }
    tw_example_set_release(&m.train);
    tw_example_set_release(&m.eval);
    tw_free(m.old_train.names);
    tw_free(m.old_eval.names);
    tw_free(m.new_train.names);
    tw_free(m.new_eval.names);
    tw_free(m.new_places);
    tw_free(m.labels);
    return status;
}
