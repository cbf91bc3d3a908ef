#include "serve/served.h"

#include "base/clock.h"
#include "base/memory.h"
#include "serve/trained_score.h"

#include <math.h>
#include <string.h>

static const char *const outputs[] = {"scores", "known"};

static enum tw_status compile_head(struct tw_served *served, const struct tw_model *model, int workers,
                                   struct tw_error *error)
{
    const struct tw_runner_options options = {.outputs = outputs,
                                              .output_count = model->has_known ? 2 : 1,
                                              .workers = workers,
                                              .threads_inside = 1,
                                              .precision = TW_PRECISION_F32};
    struct tw_graph *graph = NULL;
    enum tw_status status = tw_model_head_graph(model, &graph, error);
    if (!status)
        status = tw_runner_new(graph, &options, &served->head, error);
    if (!status && tw_runner_output_size(served->head, 0) != model->labels.count)
        status = tw_fail(error, TW_CORRUPT, "it has %zu labels and %zu scores", model->labels.count,
                         tw_runner_output_size(served->head, 0));
    if (!status && model->has_known && tw_runner_output_size(served->head, 1) != 1)
        status = tw_fail(error, TW_CORRUPT, "its output known is not one number");
    tw_graph_free(graph);
    return status;
}

static enum tw_status take_model(struct tw_served *served, struct tw_model *model, struct tw_error *error)
{
    if (!model->has_backbone)
        return tw_fail(
            error, TW_UNSUPPORTED,
            "it was trained on embedding records and holds no backbone, so it cannot answer for photos: train "
            "it again with --backbone and the network that made them");
    served->unlabelled_class = model->unlabelled_class;
    served->has_known = model->has_known;
    served->known_threshold = model->known_threshold;
    served->has_backbone_digest = model->has_backbone_digest;
    served->backbone_digest = model->backbone_digest;
    served->labels = model->labels; /* changes hands */
    model->labels = (struct tw_labels){0};
    served->thresholds = model->thresholds;
    model->thresholds = NULL;
    served->tally = tw_alloc(1, sizeof *served->tally);
    if (served->tally)
        served->tally->labels = tw_alloc(served->labels.count, sizeof *served->tally->labels);
    return served->tally && served->tally->labels ? TW_OK : tw_fail_memory(error, served->labels.count, "a model");
}

/* The head, once for each worker; the backbone has run when it was compiled, and others may be running it now. */
static enum tw_status warm(const struct tw_served *served, int workers, struct tw_error *error)
{
    float *scores = tw_alloc(served->labels.count, sizeof *scores), known;
    float *const made[] = {scores, &known};
    enum tw_status status = scores ? TW_OK : tw_fail_memory(error, served->labels.count, "first scores");
    for (int worker = 0; worker < workers && !status; worker++)
        status = tw_runner_vector(served->head, worker, served->backbone->sample, made, error);
    tw_free(scores);
    return status;
}

enum tw_status tw_served_load(const struct tw_served_source *source, struct tw_backbones *backbones, int workers,
                              struct tw_served **served, struct tw_error *error)
{
    struct tw_model model = {0};
    struct tw_served *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a model");
    atomic_init(&made->users, 1);
    made->number = source->number;
    made->model = tw_strdup(source->model);
    made->name = source->name ? tw_strdup(source->name) : NULL;
    made->examples = tw_strdup(source->examples);
    enum tw_status status = made->model && made->examples && (made->name || !source->name)
                                ? tw_model_open(source->uri, &model, error)
                                : tw_fail_memory(error, 1, "a model's name");
    made->trained_score = NAN;
    if (!status)
        made->trained_score = tw_trained_score(made->examples);
    if (!status)
        status = compile_head(made, &model, workers, error);
    if (!status)
        status = take_model(made, &model, error);
    if (!status)
        status = tw_backbones_get(backbones, &model, &made->backbone, error);
    if (!status)
        status = warm(made, workers, error);
    tw_model_release(&model);
    if (status) {
        tw_served_put(made);
        return tw_fail_within(error, status, "model %s", source->uri);
    }
    *served = made;
    return TW_OK;
}

void tw_served_take(struct tw_served *served)
{
    atomic_fetch_add(&served->users, 1);
}

void tw_served_put(struct tw_served *served)
{
    if (!served || atomic_fetch_sub(&served->users, 1) > 1)
        return;
    tw_runner_free(served->head);
    tw_backbone_put(served->backbone);
    tw_labels_release(&served->labels);
    if (served->tally)
        tw_free((void *)served->tally->labels);
    tw_free(served->tally);
    tw_free(served->model);
    tw_free(served->name);
    tw_free(served->examples);
    tw_free(served->thresholds);
    tw_free(served);
}

static enum tw_status run(const struct tw_served *served, int worker, struct tw_span bytes, struct tw_answer *answer,
                          struct tw_error *error)
{
    size_t embedding_size = served->backbone->embedding_size;
    answer->embedding = tw_alloc(embedding_size + served->labels.count, sizeof *answer->embedding);
    if (!answer->embedding)
        return tw_fail_memory(error, embedding_size * sizeof(float), "an answer");
    answer->scores = answer->embedding + embedding_size;
    enum tw_status status =
        tw_runner_photo(served->backbone->runner, worker, bytes, &answer->embedding, &answer->size, NULL, error);
    float *const made[] = {answer->scores, &answer->known};
    return status ? status : tw_runner_vector(served->head, worker, answer->embedding, made, error);
}

/* What is missing or damaged leaves the answer as it is: it is an answer without them. */
static void find_neighbours(const struct tw_served *served, size_t nearest, struct tw_answer *answer)
{
    const struct tw_model about = {.labels = served->labels,
                                   .embedding_size = served->backbone->embedding_size,
                                   .has_backbone_digest = served->has_backbone_digest,
                                   .backbone_digest = served->backbone_digest};
    (void)!tw_neighbours_find(served->examples, &about, answer->best, answer->embedding, nearest, &answer->neighbours,
                              NULL);
}

static size_t best_of(const float *scores, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (scores[i] > scores[best])
            best = i;
    }
    return best;
}

static void count(const struct tw_served *served, const struct tw_answer *answer)
{
    struct tw_served_tally *tally = served->tally;
    if (answer->status) {
        atomic_fetch_add(&tally->refused, 1);
        return;
    }
    float score = answer->scores[answer->best];
    atomic_fetch_add(&tally->decode_us, (unsigned long)(answer->size.decode_s * 1e6));
    atomic_fetch_add(&tally->compute_us, (unsigned long)(fmax(answer->seconds - answer->size.decode_s, 0) * 1e6));
    atomic_fetch_add(&tally->photos, 1);
    atomic_fetch_add(&tally->unknown, answer->is_unknown);
    atomic_fetch_add(&tally->unsure, score < 0.5f);
    atomic_fetch_add(&tally->score_millionths, (unsigned long)(score * 1e6f));
    atomic_fetch_add(&tally->labels[answer->best], 1);
}

void tw_served_answer(const struct tw_served *served, int worker, struct tw_span bytes, size_t nearest,
                      struct tw_answer *answer)
{
    struct tw_error error = {0};
    double start = tw_clock_seconds();
    answer->status = run(served, worker, bytes, answer, &error);
    answer->seconds = tw_clock_seconds() - start;
    if (answer->status) {
        answer->reason = tw_strdup(error.text);
    } else {
        answer->best = best_of(answer->scores, served->labels.count);
        answer->is_unknown = served->has_known && (double)answer->known < served->known_threshold;
        if (nearest)
            find_neighbours(served, nearest, answer);
    }
    count(served, answer);
}

void tw_answer_release(struct tw_answer *answer)
{
    tw_neighbours_release(&answer->neighbours);
    tw_free(answer->embedding);
    tw_free(answer->reason);
    *answer = (struct tw_answer){0};
}
