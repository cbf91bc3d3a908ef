#include "engine/onednn.h"

#include "base/clock.h"
#include "engine/plan.h"

#include <math.h>
#include <omp.h>
#include <string.h>

struct tw_scratch {
    const struct tw_plan *plan;
    struct tw_pages pages;
    uint8_t *arena, *pad;    /* in `pages` */
    void **places;           /* by slot */
    dnnl_memory_t *memories; /* by slot; NULL where oneDNN has no part in it */
    dnnl_memory_t *pads;     /* by step */
    dnnl_exec_arg_t *
        *arguments;     /* by step: of its arguments, then of the scratchpad; for others than oneDNN's unused */
    void ***run_places; /* by step: places of the arguments, then the scratchpad */
    dnnl_stream_t stream;
};

void tw_scratch_free(struct tw_scratch *scratch)
{
    if (scratch == NULL)
        return;
    for (int i = 0; scratch->memories != NULL && i < scratch->plan->slot_count; i++) {
        if (scratch->memories[i] != NULL)
            dnnl_memory_destroy(scratch->memories[i]);
    }
    for (int i = 0; i < scratch->plan->step_count; i++) {
        if (scratch->pads != NULL && scratch->pads[i] != NULL)
            dnnl_memory_destroy(scratch->pads[i]);
        if (scratch->arguments != NULL)
            tw_free(scratch->arguments[i]);
        if (scratch->run_places != NULL)
            tw_free(scratch->run_places[i]);
    }
    if (scratch->stream != NULL)
        dnnl_stream_destroy(scratch->stream);
    tw_free(scratch->memories);
    tw_free(scratch->pads);
    tw_free(scratch->arguments);
    tw_free(scratch->run_places);
    tw_free(scratch->places);
    tw_pages_release(&scratch->pages);
    tw_free(scratch);
}

static enum tw_status place_slots(struct tw_scratch *s, struct tw_error *error)
{
    const struct tw_plan *plan = s->plan;
    enum tw_status status = TW_OK;
    for (int i = 0; i < plan->slot_count && status == TW_OK; i++) {
        const struct slot *slot = &plan->slots[i], *root = &plan->slots[slot->root];
        uint8_t *base = root->constant != NULL ? root->constant : s->arena + root->arena_offset;
        s->places[i] = base + slot->root_offset;
        if (slot->layout.ndims > 0)
            status = tw_onednn_check(tw_onednn_memory(plan->engine, &slot->layout, s->places[i], &s->memories[i]),
                                     "scratch memory", error);
    }
    return status;
}

static enum tw_status bind_step(struct tw_scratch *s, int index, struct tw_error *error)
{
    const struct step *step = &s->plan->steps[index];
    s->arguments[index] = tw_alloc((size_t)step->argument_count + 1, sizeof **s->arguments);
    s->run_places[index] = tw_alloc((size_t)step->argument_count + 1, sizeof **s->run_places);
    if (s->arguments[index] == NULL || s->run_places[index] == NULL)
        return tw_fail_memory(error, 1, "scratch");
    for (int i = 0; i < step->argument_count; i++) {
        const struct argument *argument = &step->arguments[i];
        s->arguments[index][i] = (dnnl_exec_arg_t){argument->kind, s->memories[argument->slot]};
        s->run_places[index][i] = s->places[argument->slot];
    }
    s->run_places[index][step->argument_count] = s->pad;
    if (step->scratchpad_bytes == 0)
        return TW_OK;
    struct tw_layout layout;
    dnnl_dims_t dims = {(int64_t)step->scratchpad_bytes};
    dnnl_status_t status = tw_layout_by_tag(1, dims, dnnl_u8, dnnl_a, &layout);
    if (status == dnnl_success)
        status = tw_onednn_memory(s->plan->engine, &layout, s->pad, &s->pads[index]);
    s->arguments[index][step->argument_count] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, s->pads[index]};
    return tw_onednn_check(status, "scratch memory", error);
}

static enum tw_status init(struct tw_scratch *s, struct tw_error *error)
{
    const struct tw_plan *plan = s->plan;
    size_t slots = (size_t)plan->slot_count, steps = (size_t)plan->step_count;
    s->arena = tw_pages_take(&s->pages, plan->arena_bytes + 64);
    s->pad = tw_pages_take(&s->pages, plan->scratchpad_bytes + 64);
    s->places = tw_alloc(slots, sizeof *s->places);
    s->memories = tw_alloc(slots, sizeof *s->memories);
    s->pads = tw_alloc(steps + 1, sizeof *s->pads);
    s->arguments = tw_alloc(steps + 1, sizeof *s->arguments);
    s->run_places = tw_alloc(steps + 1, sizeof *s->run_places);
    if (s->arena == NULL || s->pad == NULL || s->places == NULL || s->memories == NULL || s->pads == NULL ||
        s->arguments == NULL || s->run_places == NULL)
        return tw_fail_memory(error, plan->arena_bytes, "a run of the network");
    enum tw_status status = place_slots(s, error);
    for (int i = 0; i < plan->step_count && status == TW_OK; i++)
        status = bind_step(s, i, error);
    if (status != TW_OK)
        return status;
    return tw_onednn_check(dnnl_stream_create(&s->stream, plan->engine, dnnl_stream_default_flags), "a stream", error);
}

enum tw_status tw_scratch_new(const struct tw_plan *plan, struct tw_scratch **scratch, struct tw_error *error)
{
    struct tw_scratch *made = tw_alloc(1, sizeof *made);
    if (made == NULL)
        return tw_fail_memory(error, sizeof *made, "scratch");
    made->plan = plan;
    enum tw_status status = init(made, error);
    if (status == TW_OK)
        *scratch = made;
    else
        tw_scratch_free(made);
    return status;
}

static enum tw_status run_step(struct tw_scratch *s, int index, struct tw_error *error)
{
    const struct step *step = &s->plan->steps[index];
    enum tw_status status;
    if (step->primitive == NULL) {
        status = step->run(step, s->run_places[index], error);
    } else {
        int count = step->argument_count + (step->scratchpad_bytes > 0);
        status = tw_onednn_check(dnnl_primitive_execute(step->primitive, s->stream, count, s->arguments[index]),
                                 "a kernel", error);
    }
    return status == TW_OK ? TW_OK : tw_fail_within(error, status, "node %s (%s)", step->name, step->op);
}

static size_t image_floats(const struct tw_plan *plan, const struct tw_shape *shape)
{
    int64_t count = 0;
    (void)tw_shape_count(shape, &count);
    return (size_t)count / (shape->rank > 0 ? (size_t)plan->runs : 1);
}

/* Times of the steps of one run; NULL: nobody asks. */
static enum tw_status run_steps(struct tw_scratch *s, struct step *timed, double *convolutions, struct tw_error *error)
{
    const struct tw_plan *plan = s->plan;
    enum tw_status status = TW_OK;
    for (int i = 0; i < plan->step_count && status == TW_OK; i++) {
        double start = timed != NULL ? tw_clock_seconds() : 0;
        status = run_step(s, i, error);
        if (timed == NULL)
            continue;
        double seconds = tw_clock_seconds() - start;
        timed[i].seconds = fmin(timed[i].seconds, seconds);
        *convolutions += timed[i].key != NULL ? seconds : 0;
    }
    return status;
}

float *tw_scratch_input(struct tw_scratch *scratch, size_t index)
{
    return scratch->places[scratch->plan->own[scratch->plan->graph->inputs[index]]];
}

static void put_inputs(struct tw_scratch *s, size_t image, const float *const *inputs)
{
    const struct tw_plan *plan = s->plan;
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        size_t count = image_floats(plan, &plan->input_shapes[i]);
        float *place = tw_scratch_input(s, i);
        if (inputs[i] != place)
            memcpy(place, inputs[i] + image * count, count * sizeof(float));
    }
}

static void take_outputs(const struct tw_scratch *s, size_t image, float *const *outputs)
{
    const struct tw_plan *plan = s->plan;
    for (size_t i = 0; i < plan->graph->output_count; i++) {
        size_t count = image_floats(plan, &plan->output_shapes[i]);
        if (outputs[i] != NULL)
            memcpy(outputs[i] + image * count, s->places[plan->output_slots[i]], count * sizeof(float));
    }
}

enum tw_status tw_plan_run(const struct tw_plan *plan, struct tw_scratch *scratch, const float *const *inputs,
                           float *const *outputs, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    int threads = omp_get_max_threads();
    omp_set_num_threads(plan->threads_inside);
    for (size_t i = 0; i < (size_t)plan->runs && status == TW_OK; i++) {
        put_inputs(scratch, i, inputs);
        status = run_steps(scratch, NULL, NULL, error);
        if (status == TW_OK)
            take_outputs(scratch, i, outputs);
    }
    omp_set_num_threads(threads);
    return status;
}

static enum tw_status time_runs(struct tw_plan *plan, struct tw_scratch *scratch, int runs, struct tw_plan_times *times,
                                struct tw_error *error)
{
    enum tw_status status = TW_OK;
    times->seconds = INFINITY;
    for (int i = 0; i < plan->step_count; i++)
        plan->steps[i].seconds = INFINITY;
    for (int run = 0; run < runs && status == TW_OK; run++) {
        struct tw_plan_times now = {0};
        double start = tw_clock_seconds();
        status = run_steps(scratch, plan->steps, &now.convolution_seconds, error);
        now.seconds = tw_clock_seconds() - start;
        if (now.seconds < times->seconds)
            *times = now;
    }
    return status;
}

enum tw_status tw_plan_profile(struct tw_plan *plan, int runs, struct tw_plan_times *times, struct tw_error *error)
{
    struct tw_scratch *scratch;
    struct tw_plan_times unasked;
    int threads = omp_get_max_threads();
    enum tw_status status = tw_scratch_new(plan, &scratch, error);
    if (status != TW_OK)
        return status;
    memset(scratch->arena, 0, plan->arena_bytes);
    omp_set_num_threads(plan->threads_inside);
    status = time_runs(plan, scratch, runs, times != NULL ? times : &unasked, error);
    omp_set_num_threads(threads);
    tw_scratch_free(scratch);
    return status;
}
