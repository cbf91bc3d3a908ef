#include "serve/backbones.h"

#include "base/memory.h"
#include "formats/format.h"
#include "tasks/tune.h"

#include <pthread.h>

struct tw_backbones {
    struct tw_backbones_options options;
    pthread_mutex_t lock; /* guards the list and its counts */
    struct tw_shared_backbone *first;
};

static const char *const outputs[] = {"embedding"};

enum tw_status tw_backbones_new(const struct tw_backbones_options *options, struct tw_backbones **backbones,
                                struct tw_error *error)
{
    struct tw_backbones *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "the backbones");
    made->options = *options;
    pthread_mutex_init(&made->lock, NULL);
    *backbones = made;
    return TW_OK;
}

void tw_backbones_free(struct tw_backbones *backbones)
{
    if (!backbones)
        return;
    pthread_mutex_destroy(&backbones->lock);
    tw_free(backbones);
}

size_t tw_backbones_count(struct tw_backbones *backbones)
{
    size_t count = 0;
    pthread_mutex_lock(&backbones->lock);
    for (const struct tw_shared_backbone *at = backbones->first; at; at = at->next)
        count++;
    pthread_mutex_unlock(&backbones->lock);
    return count;
}

static void release(struct tw_shared_backbone *backbone)
{
    tw_runner_free(backbone->runner);
    tw_free(backbone->sample);
    tw_free(backbone);
}

/* The network up to the embedding, without what its file says of itself. */
static enum tw_status cut(const struct tw_model *model, struct tw_graph **graph, struct tw_error *error)
{
    struct tw_graph *made = NULL;
    enum tw_status status = tw_graph_clone(model->graph, &made, error);
    if (!status)
        status = tw_graph_cut(made, outputs, 1, error);
    if (status) {
        tw_graph_free(made);
        return status;
    }
    made->property_count = 0;
    *graph = made;
    return TW_OK;
}

static enum tw_status make_key(const struct tw_model *model, const struct tw_graph *graph, struct tw_digest *key,
                               struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    struct tw_hasher *hasher = NULL;
    char *policy = tw_image_policy_to_json(&model->policy);
    enum tw_status status =
        policy ? tw_onnx_write(graph, "topwork", TW_VERSION, &bytes, error) : tw_fail_memory(error, 1, "a policy");
    if (!status)
        status = tw_hasher_new(&hasher, error);
    if (!status) {
        tw_hasher_add(hasher, bytes.data, bytes.size);
        tw_hasher_add_text(hasher, policy);
        tw_hasher_add_text(hasher, tw_precision_name(model->precision));
        tw_hasher_finish(hasher, key);
    }
    tw_hasher_free(hasher);
    tw_buffer_release(&bytes);
    tw_free(policy);
    return status;
}

/* Once for each worker, so that pages are touched and code is compiled before the first request. Nobody else has it yet: a worker's
 * place in it is the worker's alone later. */
static enum tw_status warm(struct tw_shared_backbone *backbone, const struct tw_model *model, int workers,
                           struct tw_error *error)
{
    size_t pixels = (size_t)model->policy.width * (size_t)model->policy.height * 3;
    float *grey = tw_alloc(pixels, sizeof *grey);
    backbone->sample = tw_alloc(backbone->embedding_size, sizeof *backbone->sample);
    enum tw_status status = grey && backbone->sample ? TW_OK : tw_fail_memory(error, pixels, "a first photo");
    for (int worker = 0; worker < workers && !status; worker++)
        status = tw_runner_vector(backbone->runner, worker, grey, &backbone->sample, error);
    tw_free(grey);
    return status;
}

static enum tw_status compile(struct tw_backbones *pool, const struct tw_model *model, const struct tw_graph *graph,
                              struct tw_shared_backbone **backbone, struct tw_error *error)
{
    struct tw_runner_options options = {.policy = &model->policy,
                                        .limits = &pool->options.limits,
                                        .outputs = outputs,
                                        .output_count = 1,
                                        .workers = pool->options.workers,
                                        .threads_inside = 1,
                                        .precision = model->precision};
    /* The kernels that `predict` takes on this machine. */
    const struct tw_task_options task = {.tune = TW_TUNE_FILE};
    const struct tw_tune_network network = {graph, &model->policy, model->precision};
    struct tw_choices *choices = NULL;
    struct tw_shared_backbone *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a backbone");
    enum tw_status status = tw_tune_open(&task, &network, &choices, error);
    options.choices = choices;
    if (!status)
        status = tw_runner_new(graph, &options, &made->runner, error);
    tw_choices_free(choices);
    if (!status && tw_runner_output_size(made->runner, 0) != model->embedding_size)
        status = tw_fail(error, TW_CORRUPT, "its backbone gives %zu values, its head takes %zu",
                         tw_runner_output_size(made->runner, 0), model->embedding_size);
    made->pool = pool;
    made->embedding_size = model->embedding_size;
    if (!status)
        status = warm(made, model, pool->options.workers, error);
    if (status) {
        release(made);
        return status;
    }
    *backbone = made;
    return TW_OK;
}

static struct tw_shared_backbone *find(const struct tw_backbones *pool, const struct tw_digest *key)
{
    struct tw_shared_backbone *at = pool->first;
    while (at && !tw_digest_equal(&at->key, key))
        at = at->next;
    return at;
}

enum tw_status tw_backbones_get(struct tw_backbones *backbones, const struct tw_model *model,
                                struct tw_shared_backbone **backbone, struct tw_error *error)
{
    struct tw_graph *graph = NULL;
    struct tw_digest key;
    enum tw_status status = cut(model, &graph, error);
    if (!status)
        status = make_key(model, graph, &key, error);
    if (status) {
        tw_graph_free(graph);
        return status;
    }
    /* Compiling under the lock: who wants the same one would have to wait for it anyway. */
    pthread_mutex_lock(&backbones->lock);
    struct tw_shared_backbone *found = find(backbones, &key);
    if (!found) {
        status = compile(backbones, model, graph, &found, error);
        if (!status) {
            found->key = key;
            found->next = backbones->first;
            backbones->first = found;
        }
    }
    if (!status) {
        found->users++;
        *backbone = found;
    }
    pthread_mutex_unlock(&backbones->lock);
    tw_graph_free(graph);
    return status;
}

void tw_backbone_put(struct tw_shared_backbone *backbone)
{
    if (!backbone)
        return;
    struct tw_backbones *pool = backbone->pool;
    pthread_mutex_lock(&pool->lock);
    bool is_last = --backbone->users == 0;
    for (struct tw_shared_backbone **at = &pool->first; is_last && *at; at = &(*at)->next) {
        if (*at == backbone) {
            *at = backbone->next;
            break;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        release(backbone);
}
