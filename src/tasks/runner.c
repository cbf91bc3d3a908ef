#include "tasks/runner.h"

#include "base/clock.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

struct tw_runner {
    struct tw_plan *plan;
    struct tw_image_policy policy;
    struct tw_image_limits limits;
    bool takes_photos;
    int worker_count;
    struct tw_scratch *workers[];
};

static enum tw_status check_input(const struct tw_runner *runner, const struct tw_image_policy *policy,
                                  struct tw_error *error)
{
    if (tw_plan_input_count(runner->plan) != 1)
        return tw_fail(error, TW_UNSUPPORTED, "the network has %zu inputs, not one", tw_plan_input_count(runner->plan));
    if (!policy)
        return TW_OK;
    const struct tw_shape *shape = tw_plan_input_shape(runner->plan, 0);
    struct tw_shape wanted = {.rank = 4, .dims = {1, 3, policy->height, policy->width}};
    if (policy->is_nhwc)
        wanted = (struct tw_shape){.rank = 4, .dims = {1, policy->height, policy->width, 3}};
    if (tw_shape_equal(shape, &wanted))
        return TW_OK;
    char is[64], should[64];
    tw_shape_text(shape, is, sizeof is);
    tw_shape_text(&wanted, should, sizeof should);
    return tw_fail(error, TW_CONFLICT, "the network's input %s is %s, its image policy makes %s",
                   tw_plan_input_name(runner->plan, 0), is, should);
}

static enum tw_status prepare_workers(struct tw_runner *runner, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (int i = 0; i < runner->worker_count && !status; i++)
        status = tw_scratch_new(runner->plan, &runner->workers[i], error);
    return status;
}

void tw_runner_shape_input(struct tw_graph *graph, const struct tw_image_policy *policy)
{
    struct tw_shape *shape = graph->input_count == 1 ? &graph->values[graph->inputs[0]].shape : NULL;
    if (!shape || shape->rank != 4)
        return;
    const int64_t nchw[] = {TW_UNKNOWN, 3, policy->height, policy->width};
    const int64_t nhwc[] = {TW_UNKNOWN, policy->height, policy->width, 3};
    for (int i = 1; i < 4; i++) {
        if (shape->dims[i] < 0)
            shape->dims[i] = policy->is_nhwc ? nhwc[i] : nchw[i];
    }
}

static enum tw_status keep_outputs(struct tw_graph *graph, const struct tw_runner_options *wanted,
                                   struct tw_error *error)
{
    for (size_t i = 0; i < wanted->output_count; i++) {
        if (tw_graph_find_value(graph, wanted->outputs[i]) < 0)
            return tw_fail(error, TW_UNSUPPORTED, "the network has no value named %s", wanted->outputs[i]);
    }
    return tw_graph_cut(graph, wanted->outputs, wanted->output_count, error);
}

static enum tw_status compile(struct tw_runner *runner, const struct tw_graph *graph,
                              const struct tw_runner_options *wanted, struct tw_error *error)
{
    struct tw_plan_options options = tw_plan_options_default;
    options.threads_inside = wanted->threads_inside;
    options.precision = wanted->precision;
    options.choices = wanted->choices;
    struct tw_graph *shaped = NULL;
    enum tw_status status = tw_graph_clone(graph, &shaped, error);
    if (status)
        return status;
    if (runner->takes_photos)
        tw_runner_shape_input(shaped, &runner->policy);
    status = keep_outputs(shaped, wanted, error);
    if (!status)
        status = tw_plan_compile(shaped, &options, &runner->plan, error);
    tw_graph_free(shaped);
    return status;
}

enum tw_status tw_runner_new(const struct tw_graph *graph, const struct tw_runner_options *options,
                             struct tw_runner **runner, struct tw_error *error)
{
    struct tw_runner *made = tw_alloc(1, sizeof *made + (size_t)options->workers * sizeof made->workers[0]);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a network's workers");
    made->worker_count = options->workers;
    made->takes_photos = options->policy != NULL;
    made->policy = options->policy ? *options->policy : tw_image_policy_default;
    made->limits = options->limits ? *options->limits : tw_image_limits_default;
    enum tw_status status = compile(made, graph, options, error);
    if (!status)
        status = check_input(made, options->policy, error);
    if (!status)
        status = prepare_workers(made, error);
    if (status) {
        tw_runner_free(made);
        return status;
    }
    *runner = made;
    return TW_OK;
}

void tw_runner_free(struct tw_runner *runner)
{
    if (!runner)
        return;
    for (int i = 0; i < runner->worker_count; i++)
        tw_scratch_free(runner->workers[i]);
    tw_plan_free(runner->plan);
    tw_free(runner);
}

size_t tw_runner_output_size(const struct tw_runner *runner, size_t index)
{
    int64_t count = 0;
    bool is_known = tw_shape_count(tw_plan_output_shape(runner->plan, index), &count);
    return is_known ? (size_t)count : 0;
}

static enum tw_status check_finite(const struct tw_runner *runner, float *const *outputs, struct tw_error *error)
{
    for (size_t i = 0; i < tw_plan_output_count(runner->plan); i++) {
        size_t size = outputs[i] ? tw_runner_output_size(runner, i) : 0;
        for (size_t j = 0; j < size; j++) {
            if (!isfinite(outputs[i][j]))
                return tw_fail(error, TW_CORRUPT, "value %zu of the network's %s for it is no finite number", j,
                               tw_plan_output_name(runner->plan, i));
        }
    }
    return TW_OK;
}

enum tw_status tw_runner_vector(struct tw_runner *runner, int worker, const float *input, float *const *outputs,
                                struct tw_error *error)
{
    enum tw_status status = tw_plan_run(runner->plan, runner->workers[worker], &input, outputs, error);
    return status ? status : check_finite(runner, outputs, error);
}

enum tw_status tw_runner_image(struct tw_runner *runner, int worker, const struct tw_image *image,
                               float *const *outputs, struct tw_error *error)
{
    float *tensor = tw_scratch_input(runner->workers[worker], 0);
    enum tw_status status = tw_image_to_tensor(image, &runner->policy, tensor, error);
    return status ? status : tw_runner_vector(runner, worker, tensor, outputs, error);
}

enum tw_status tw_runner_photo(struct tw_runner *runner, int worker, struct tw_span bytes, float *const *outputs,
                               struct tw_photo_size *size, const struct tw_photo_asides *asides, struct tw_error *error)
{
    static const struct tw_photo_asides none;
    const struct tw_photo_asides *wanted = asides ? asides : &none;
    *size = (struct tw_photo_size){0};
    if (!runner->takes_photos)
        return tw_fail(error, TW_CONFLICT, "this network takes vectors, not photos");
    struct tw_image image = {0};
    double start = tw_clock_seconds();
    enum tw_status status = tw_image_decode(bytes, &runner->policy.decode, &runner->limits, &image, error);
    if (status)
        return status;
    *size = (struct tw_photo_size){image.photo_width, image.photo_height, tw_clock_seconds() - start};
    if (wanted->look)
        status = tw_image_look(&image, wanted->look, error);
    if (!status && wanted->thumbnail) {
        tw_buffer_clear(wanted->thumbnail);
        status = tw_image_thumbnail(&image, TW_THUMBNAIL_EDGE, 80, wanted->thumbnail, error);
    }
    if (!status)
        status = tw_runner_image(runner, worker, &image, outputs, error);
    tw_image_release(&image);
    return status;
}
