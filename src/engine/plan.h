/* The compiled form of a graph, shared by this folder's files. A graph is compiled for one image (or for the fixed batch that
 * its file names); a larger batch is that many runs, so that an image's bits never hang on its neighbours.
 *
 * Values live in slots: a memory descriptor and a place in the scratch's arena, or a constant block of the plan. A value has
 * the slot that its producer chose, and a plain one (C order) once somebody needs that. Slots may lie inside others:
 * reshapes share, and what a concatenation joins is written in place where layouts allow. */
#ifndef TW_ENGINE_PLAN_H
#define TW_ENGINE_PLAN_H

#include "engine/engine.h"
#include "engine/narrow/numbers.h"
#include "engine/onednn.h"
#include "engine/pages.h"
#include "graph/bind.h"

enum { NO_SLOT = -1, MAX_ARGUMENTS = 8 };

struct slot {
    struct tw_layout layout; /* ndims 0: not for oneDNN, only bytes in C order */
    size_t bytes;
    void *constant; /* in the plan's pages; NULL: in the arena */
    int root;       /* slot that holds this one, or its own index */
    size_t root_offset;
    int first, last;     /* steps that write and read it; of roots, of all inside it */
    size_t arena_offset; /* of roots */
};

struct argument {
    int kind; /* DNNL_ARG_... */
    int slot;
};

struct step {
    const char *name, *op, *algorithm;
    const char *key;            /* of a convolution: see engine/choices.h; else NULL */
    const char *precision;      /* of its arithmetic; "f32" unless its planner says otherwise */
    dnnl_primitive_t primitive; /* NULL: `run` does it */
    struct argument *arguments;
    int argument_count;
    size_t scratchpad_bytes;
    /* For what oneDNN does not do: arguments' memory in their order, then the scratchpad. */
    enum tw_status (*run)(const struct step *step, void *const *memory, struct tw_error *error);
    void *state; /* owned, for `run`; NULL: none */
    void (*free_state)(void *state);
    const struct tw_graph *graph;
    const struct tw_node *node;
    double flop, seconds;
};

/* What QuantizeLinear and DequantizeLinear say of a float value. `whole`: the value of integers that it is read from, -1: none.
 * `rounds`: the value of integers that is all that becomes of it, -1: it is wanted itself. Both of one scale. */
struct quantised {
    int whole, rounds;
    struct grid whole_grid, rounds_grid;
    int last_use; /* the last node that reads it */
    /* Where integers are slow: the value that this one is, put on `grid` and back at once; -1: it is none such. */
    int before;
    bool is_on_grid; /* its numbers lie on `grid` */
    struct grid grid;
};

/* A trial's plan: every convolution takes the own form, or the library's kernel, of this number where it has one. */
struct trial {
    enum { TRIAL_NONE, TRIAL_OWN, TRIAL_LIBRARY } kind;
    int index;
};

struct tw_plan {
    struct tw_pages weights; /* constants of slots and states of steps point into it */
    struct tw_graph *graph;
    dnnl_engine_t engine;
    int threads_inside;
    enum tw_precision precision;      /* of what is float in the graph: F32 or BF16 */
    const struct tw_choices *choices; /* borrowed while it is made; NULL: none */
    struct trial trial;
    int64_t runs; /* of one tw_plan_run */
    struct slot *slots;
    int slot_count;
    size_t slot_capacity;
    int *own, *plain; /* by value: slots */
    struct quantised *quantised;
    /* Of a quantised network: convolutions of floats do less than those of integers would, see tw_plan_find_quantised. */
    bool prefers_floats;
    struct step *steps;
    int step_count;
    size_t step_capacity;
    size_t arena_bytes, weight_bytes, scratchpad_bytes;
    struct tw_shape *input_shapes, *output_shapes; /* with the batch in */
    int *output_slots;                             /* plain */
};

/* tw_plan_compile, for trials. */
enum tw_status tw_plan_compile_trial(const struct tw_graph *graph, const struct tw_plan_options *options,
                                     const struct trial *trial, struct tw_plan **plan,
                                     struct tw_error *error) TW_MUST_USE;
/* The graph as plans see it: its inputs fixed for the batch, inferred, optimised. */
enum tw_status tw_plan_prepare_graph(const struct tw_graph *graph, int64_t batch, struct tw_graph **prepared,
                                     int64_t *runs, struct tw_error *error) TW_MUST_USE;

/* Construction, for the files in steps/. Slots and steps are indices: arrays grow. */
enum tw_status tw_plan_add_slot(struct tw_plan *plan, const struct tw_layout *layout, size_t bytes, int *slot,
                                struct tw_error *error) TW_MUST_USE;
enum tw_status tw_plan_add_step(struct tw_plan *plan, const struct tw_node *node, const char *algorithm,
                                dnnl_primitive_t primitive, const struct argument *arguments, int count,
                                struct tw_error *error) TW_MUST_USE;
/* The same for a primitive and its descriptor, which are used up; its scratchpad must be the caller's: what oneDNN keeps
 * itself is not for two threads at a time. Makes the primitive where there is only the descriptor. */
struct tw_onednn_primitive;
enum tw_status tw_plan_add_made(struct tw_plan *plan, const struct tw_node *node, const char *algorithm,
                                struct tw_onednn_primitive *made, const struct argument *arguments, int count,
                                struct tw_error *error) TW_MUST_USE;
/* The value's slot in C order, with a reorder before where it has another; constants get theirs. */
enum tw_status tw_plan_plain_slot(struct tw_plan *plan, int value, int *slot, struct tw_error *error) TW_MUST_USE;
/* The value's slot in `layout`; constants are reordered once, now. */
enum tw_status tw_plan_slot_in(struct tw_plan *plan, int value, const struct tw_layout *layout, int *slot,
                               struct tw_error *error) TW_MUST_USE;
/* The same for a block that is no value; it is copied. */
enum tw_status tw_plan_constant_in(struct tw_plan *plan, const struct tw_layout *from_layout, const void *from,
                                   const struct tw_layout *layout, int *slot, struct tw_error *error) TW_MUST_USE;
/* C order of a value's type; ndims 0 for types that the library is not given and for empty values. */
enum tw_status tw_plan_plain_layout(const struct tw_value *value, struct tw_layout *layout,
                                    struct tw_error *error) TW_MUST_USE;
/* The layout in which the value lies now; plain for constants and inputs. */
enum tw_status tw_plan_layout(struct tw_plan *plan, int value, struct tw_layout *layout,
                              struct tw_error *error) TW_MUST_USE;
/* A new slot for an f32 value that a step is about to write. */
enum tw_status tw_plan_output_slot(struct tw_plan *plan, int value, const struct tw_layout *layout, int *slot,
                                   struct tw_error *error) TW_MUST_USE;
/* A step that copies between layouts. */
enum tw_status tw_plan_add_reorder(struct tw_plan *plan, int from, int to, struct tw_error *error) TW_MUST_USE;
bool tw_plan_is_constant(const struct tw_plan *plan, int value);

/* Integers behind values, before any step is made: see struct quantised. */
enum tw_status tw_plan_find_quantised(struct tw_plan *plan, struct tw_error *error) TW_MUST_USE;
/* Whether a value's integers are on a grid of one scale, known now; reads those of a QuantizeLinear or DequantizeLinear. */
bool tw_plan_grid(const struct tw_plan *plan, const struct tw_node *node, struct grid *grid);
/* A float value that lies nowhere yet because its readers take its integers: now it is wanted. */
enum tw_status tw_plan_dequantise(struct tw_plan *plan, int value, struct tw_error *error) TW_MUST_USE;

/* Whether a step writes the value as bf16. */
bool tw_plan_is_bf16(const struct tw_plan *plan, int value);
bool tw_grid_equal(const struct grid *a, const struct grid *b);
/* What each byte on one grid is on another. */
void tw_grid_table(const struct grid *from, const struct grid *to, uint8_t table[256]);

/* Places of the arena's roots so that those alive at one time do not overlap; fills arena_offset, returns the size. */
size_t tw_place_slots(struct slot *slots, int count);

/* The families of steps: each takes the nodes that it can do, else says so by *is_done false. */
typedef enum tw_status tw_step_planner(struct tw_plan *plan, const struct tw_node *node, bool *is_done,
                                       struct tw_error *error);
tw_step_planner tw_step_winograd, tw_step_conv, tw_step_pool, tw_step_concat, tw_step_elementwise, tw_step_product,
    tw_step_alias, tw_step_reference, tw_step_narrow_conv, tw_step_narrow_product, tw_step_narrow_depthwise,
    tw_step_narrow_matrix, tw_step_narrow_pool, tw_step_narrow_concat, tw_step_quantise, tw_step_transpose,
    tw_step_rows;

#endif
